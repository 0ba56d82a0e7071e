//! What is refused, and the corpus of malformed input.

use std::time::Instant as Stopwatch;

use session_api::{Rank, SequentialIds};

use super::*;
use crate::parse_when;

const NOW: Timestamp = Timestamp(1_795_255_200_000);

fn request(when: When) -> JobRequest {
    let reply = Route::to_session(&SessionKey::new("telegram", "bot", "7"));
    JobRequest::new(when, Payload::Prompt { text: "Water the plants".into() }, Principal::owner(), reply)
}

fn every(seconds: u64) -> When {
    When::Every { seconds, first: NOW.plus(Duration::from_secs(seconds)) }
}

fn made(request: JobRequest) -> Result<Job, ScheduleError> {
    request.into_job(NOW, &Zones::utc(), &SequentialIds::default())
}

#[test]
fn a_job_is_named_after_its_text_and_due_at_its_first_time() {
    let job = made(request(every(3600))).unwrap();
    assert_eq!((job.name.as_str(), job.due), ("Water the plants", Some(NOW.plus(Duration::from_secs(3600)))));
    assert_eq!((job.next_run_at, job.runs, job.enabled), (job.due, 0, true));
    let definition = JobDefinition::of(&job).unwrap();
    assert_eq!(definition.to_text().unwrap(), job.definition);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let text =
        |text: &str| JobRequest { payload: Payload::Prompt { text: text.into() }, ..request(every(60)) };
    let tool = |arguments: Value, rank: Rank| JobRequest {
        payload: Payload::Tool { name: "exec".into(), arguments },
        principal: Principal { rank, ..Principal::owner() },
        ..request(every(60))
    };
    for (request, field) in [
        (request(every(1)), "every"),
        (request(every(59)), "every"),
        (request(every(0)), "every"),
        (request(When::At { at: Timestamp(NOW.0 - 3_600_000) }), "at"),
        (text("  "), "message"),
        (text(&"x".repeat(MAX_TEXT + 1)), "message"),
        (tool(Value::Null, Rank::Owner), "tool"),
        (tool(serde_json::json!({}), Rank::Member), "tool"),
        (JobRequest { name: "x".repeat(81), ..request(every(60)) }, "name"),
        (JobRequest { name: "a\u{7}b".into(), ..request(every(60)) }, "name"),
        (JobRequest { until: Some(NOW), ..request(every(60)) }, "until"),
        (JobRequest { max_runs: Some(0), ..request(every(60)) }, "max_runs"),
        (JobRequest { jitter_seconds: 100_000, ..request(every(60)) }, "jitter"),
    ] {
        assert_eq!(made(request.clone()).unwrap_err().field, field, "{request:?}");
    }
    // A moment that has just gone by is kept.
    assert!(made(request(When::At { at: Timestamp(NOW.0 - 30_000) })).is_ok());
}

/// Every entry of the corpus that all builders of this project share.
#[test]
#[expect(clippy::disallowed_methods, reason = "the corpus bounds the time that an entry may take")]
fn the_corpus_of_malformed_schedules() {
    let zones = Zones::new(jiff::tz::db().clone(), "UTC").unwrap();
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let name = "shared/corpora/security/malformed_cron.json";
    let Some(text) = here.ancestors().find_map(|folder| std::fs::read_to_string(folder.join(name)).ok())
    else {
        println!("skipped: there is no {name}");
        return;
    };
    let corpus: Value = serde_json::from_str(&text).unwrap();
    let entries = corpus["entries"].as_array().unwrap();
    assert!(entries.len() >= 13);
    for entry in entries {
        let (input, id) = (&entry["input"], &entry["id"]);
        let text = |key: &str| input[key].as_str().unwrap();
        let at = |text: &str| Timestamp(text.parse::<jiff::Timestamp>().unwrap().as_millisecond());
        let now = at(text("now"));
        let begun = Stopwatch::now();
        let when = match text("kind") {
            "cron" => Ok(When::Cron { expression: text("expr").into(), zone: text("tz").into() }),
            "every" => parse_when(&format!("every {}", text("expr")), now, Some(text("tz")), &zones),
            _ => parse_when(text("expr"), now, Some(text("tz")), &zones),
        };
        let made = when.and_then(|when| request(when).into_job(now, &zones, &SequentialIds::default()));
        assert!(begun.elapsed() < Duration::from_millis(200), "{id}");
        match entry["expect"]["verdict"].as_str().unwrap() {
            "accept" => {
                let next = entry["expect"]["next"][0].as_str().unwrap();
                assert_eq!(made.unwrap().due, Some(at(next)), "{id}");
            }
            _ => {
                let error = made.unwrap_err();
                assert!(error.to_string().starts_with(error.field), "{id}: {error}");
            }
        }
    }
}
