use std::time::Duration;

use evohub::target::{Page, TargetError};
use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::style::Color;

use super::*;
use crate::cli::top::canned::{self, START};
use crate::cli::top::health::Health;
use crate::cli::top::look::Look;
use crate::cli::top::session::Session;

const SECOND: Duration = Duration::from_secs(1);

fn health() -> Health {
    let body = r#"{"status": "degraded", "checks": {
        "store": {"status": "healthy", "response_time_ms": 0.8},
        "supervisor": {"status": "healthy", "response_time_ms": 0.02},
        "llm_apis": {"lab": {"status": "unhealthy", "response_time_ms": 1000, "message": "no answer within 1 s"}}
    }}"#;
    Health::read(&serde_json::from_str(body).unwrap())
}

fn look(second: u64) -> Result<Look, TargetError> {
    Ok(Look { reading: canned::reading(second), health: Ok(health()) })
}

fn refused() -> Result<Look, TargetError> {
    let cause = "connection refused".to_owned();
    Err(TargetError::NoAnswer { address: "127.0.0.1:8080".to_owned(), cause })
}

/// A process watched for two minutes, from the hundredth second of its life on.
fn session() -> Session {
    let mut session = Session::new("127.0.0.1:8080".to_owned());
    for second in 0..=120_u32 {
        let age = u64::from(second) + 100;
        session.take(SECOND * second, START + age as f64, look(age));
    }
    session
}

fn drawn(view: &View, palette: Palette, width: u16, height: u16) -> Terminal<TestBackend> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| frame.render_widget(Screen { view, palette }, frame.area())).unwrap();
    terminal
}

#[test]
fn a_small_terminal_shows_the_essential() {
    let view = session().view(SECOND * 120, SECOND);
    insta::assert_snapshot!(drawn(&view, Palette::Full, 80, 24).backend());
}

#[test]
fn a_large_terminal_shows_more() {
    let view = session().view(SECOND * 120, SECOND);
    insta::assert_snapshot!(drawn(&view, Palette::Full, 140, 45).backend());
}

#[test]
fn a_process_that_went_away_leaves_its_last_figures_in_grey() {
    let mut session = session();
    session.take(SECOND * 122, START + 222.0, refused());
    let view = session.view(SECOND * 123, SECOND);
    let terminal = drawn(&view, Palette::Full, 80, 24);
    insta::assert_snapshot!(terminal.backend());
    let Some(grey) = Palette::Full.faint().fg else { panic!("grey is a colour") };
    let buffer = terminal.backend().buffer();
    let body = (2..23).flat_map(|y| (0..80).map(move |x| &buffer[(x, y)]));
    assert!(body.into_iter().all(|cell| cell.fg == grey), "all figures are grey");
}

#[test]
fn a_process_that_was_never_there_and_one_that_came_back_are_told() {
    let mut session = Session::new("127.0.0.1:8080".to_owned());
    let text = |session: &Session, at| {
        drawn(&session.view(at, SECOND), Palette::Plain, 80, 24).backend().to_string()
    };
    assert!(text(&session, Duration::ZERO).contains("asking …"));
    session.take(SECOND * 3, START, refused());
    let told = text(&session, SECOND * 3);
    assert!(told.contains("no answer since 3 s: connection refused; trying again"), "{told}");
    session.take(SECOND * 4, START + 100.0, look(100));
    assert!(text(&session, SECOND * 4).contains("▲ degraded"));
    session.take(SECOND * 5, START + 101.0, refused());
    session.take(SECOND * 9, START + 105.0, look(2));
    let told = text(&session, SECOND * 11);
    assert!(told.contains("the process began anew 2 s ago"), "{told}");
    assert!(!text(&session, SECOND * 80).contains("began anew"));
}

#[test]
fn health_that_is_not_told_is_no_health() {
    let mut session = Session::new("host:1".to_owned());
    let error = TargetError::NoToken { address: "host:1".to_owned(), path: "/health/detailed" };
    session.take(SECOND, START, Ok(Look { reading: canned::reading(100), health: Err(error) }));
    let told = drawn(&session.view(SECOND, SECOND), Palette::Plain, 100, 24).backend().to_string();
    assert!(told.contains("? health unknown") && told.contains("--token-file"), "{told}");
}

#[test]
fn who_wants_no_colour_gets_none() {
    let mut session = session();
    session.take(SECOND * 121, START + 221.0, refused());
    for (at, size) in [(120, (80, 24)), (122, (140, 45))] {
        let view = session.view(SECOND * at, SECOND);
        let terminal = drawn(&view, Palette::Plain, size.0, size.1);
        let cells = terminal.backend().buffer().content();
        assert!(cells.iter().all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset));
    }
}

#[test]
fn several_jobs_are_told_apart() {
    let page =
        canned::page(100).replace("evolution_best_fitness ", "evolution_best_fitness{job=\"films-1\"} ");
    let page = page.replace(
        "# EOF",
        "evolution_best_fitness{job=\"films-2\"} 0.5\nevolution_population_size{job=\"films-1\"} 7\n# EOF",
    );
    let page = page.replace("evolution_population_size 24\n", "").replace("evolution_mean_fitness", "x");
    let page = page.replace("evolution_population_diversity", "y");
    let reading = (&page.parse::<Page>().unwrap()).into();
    let mut session = Session::new("host:1".to_owned());
    session.take(SECOND, START, Ok(Look { reading, health: Ok(health()) }));
    let told = drawn(&session.view(SECOND, SECOND), Palette::Plain, 140, 45).backend().to_string();
    assert!(told.contains("population 7  job films-1 (+1)"), "{told}");
    assert!(told.contains("best 0.500  mean -  diversity -  films-2"), "{told}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_size_can_be_drawn_on(width in 0_u16..200, height in 0_u16..70) {
        let mut session = Session::new("127.0.0.1:8080".to_owned());
        session.take(SECOND, START + 100.0, look(100));
        session.take(SECOND * 2, START + 101.0, look(101));
        drawn(&session.view(SECOND * 2, SECOND), Palette::Indexed, width, height);
        drawn(&Session::new("host:1".to_owned()).view(SECOND, SECOND), Palette::Indexed, width, height);
    }
}
