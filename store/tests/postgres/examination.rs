//! What is found out of a database without changing it.

use evohub_store::{Examination, PostgresExamination, SchemaState, StoreErrorKind as Kind, examine};
use sqlx::{Connection, PgConnection};

use crate::schema::{Schema, run_sql, with};

async fn examined(address: &str) -> PostgresExamination {
    match examine(&address.parse().unwrap()).await.unwrap() {
        Examination::Postgres(found) => found,
        other => panic!("{other:?}"),
    }
}

/// All that is in a schema.
async fn contents(schema: &Schema) -> Vec<String> {
    let mut connection = PgConnection::connect(&schema.address("")).await.unwrap();
    let names = sqlx::query_scalar(
        "SELECT relname::text FROM pg_class WHERE relnamespace = current_schema()::regnamespace",
    );
    let names = names.fetch_all(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    names
}

#[tokio::test]
async fn tables_are_none_then_in_date_then_older_or_newer() {
    let schema = Schema::make().await;
    let found = examined(&schema.address("")).await;
    assert_eq!((found.schema, found.namespace.as_deref()), (SchemaState::Empty, Some(schema.name())));
    assert_eq!(contents(&schema).await, [""; 0], "nothing is made");
    evohub_store::open(&schema.address("")).await.unwrap().close().await;
    let SchemaState::Current { version } = examined(&schema.address("")).await.schema else {
        panic!("in date")
    };
    let newest = format!("DELETE FROM _sqlx_migrations WHERE version = {version}");
    schema.run(&newest).await;
    let older = SchemaState::Older { version: version - 1, newest: version };
    assert_eq!(examined(&schema.address("")).await.schema, older);
    schema.run("UPDATE _sqlx_migrations SET version = 9999 WHERE version = 1").await;
    let newer = SchemaState::Newer { version: 9999, newest: version };
    assert_eq!(examined(&schema.address("")).await.schema, newer);
}

#[tokio::test]
async fn a_server_is_told_in_figures() {
    let schema = Schema::make().await;
    let found = examined(&schema.address("")).await;
    assert!(found.version_number >= 100_000 && found.version.contains('.'), "{found:?}");
    assert!(found.clock_ahead.abs() < 5_000, "it is the clock of this machine: {found:?}");
    assert!(found.open_connections >= 1 && found.most_connections > 1, "{found:?}");
    assert_eq!((found.encoding.as_str(), found.is_read_only), ("UTF8", false));
    assert_eq!(found.missing_rights, [""; 0]);
    let read_only = schema.address("options[default_transaction_read_only]=on");
    assert!(examined(&read_only).await.is_read_only);
}

#[tokio::test]
async fn another_program_s_tables_and_missing_rights_are_found() {
    let schema = Schema::make().await;
    schema.run("CREATE TABLE jobs (id INT)").await;
    assert_eq!(examined(&schema.address("")).await.schema, SchemaState::Foreign);
    schema.run("DROP TABLE jobs").await;
    evohub_store::open(&schema.address("")).await.unwrap().close().await;
    let (name, role) = (schema.name(), format!("{}_reader", schema.name()));
    run_sql(&format!(
        "CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA {name} TO {role}; \
         GRANT SELECT ON ALL TABLES IN SCHEMA {name} TO {role}; GRANT ALL ON {name}.jobs TO {role}"
    ))
    .await;
    let found = examined(&with(&schema.address(""), &format!("user={role}"))).await;
    run_sql(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
    assert!(found.missing_rights.contains(&"read and write `evaluations`".to_owned()), "{found:?}");
    assert!(!found.missing_rights.contains(&"read and write `jobs`".to_owned()), "{found:?}");
}

#[tokio::test]
async fn a_server_that_is_away_is_named_without_its_password() {
    let address = "postgres://ann:hunter2@127.0.0.1:1/evohub".parse().unwrap();
    let error = examine(&address).await.unwrap_err();
    assert_eq!(error.kind, Kind::Unavailable);
    assert!(error.message.contains("ann:***@127.0.0.1:1") && !error.message.contains("hunter2"), "{error}");
}
