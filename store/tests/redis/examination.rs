//! What is found out of a Redis without changing it.

use evohub_store::{StoreErrorKind as Kind, examine_redis};

use crate::server::Server;

#[tokio::test]
async fn a_server_is_told_in_figures_until_it_is_away() {
    let server = Server::start();
    let found = examine_redis(&server.url()).await.unwrap();
    assert!(found.version.split('.').count() == 3 && found.used_memory > 0, "{found:?}");
    assert_eq!((found.policy.as_str(), found.role.as_str(), found.most_memory), ("noeviction", "master", 0));
    server.stop();
    assert_eq!(examine_redis(&server.url()).await.unwrap_err().kind, Kind::Unavailable);
    server.restart();
    server.freeze();
    let error = examine_redis(&server.url()).await.unwrap_err();
    assert_eq!(error.kind, Kind::Unavailable, "{error}");
}
