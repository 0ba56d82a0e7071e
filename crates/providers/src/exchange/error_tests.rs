use http_client::header::HeaderValue;
use serde_json::json;

use super::*;

const KEY: &str = "sk-test-4f9a8b7c6d5e";

fn voice() -> Voice {
    Voice {
        provider: "main".into(),
        model: "gpt-x".into(),
        server: "127.0.0.1:80".into(),
        secrets: vec![SecretString::from(KEY.to_owned())],
        total: Duration::from_secs(600),
    }
}

fn error_of(status: u16, body: &str, headers: &[(&'static str, &str)]) -> ModelError {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(*name, HeaderValue::from_str(value).unwrap());
    }
    voice().status(StatusCode::from_u16(status).unwrap(), &map, body.as_bytes())
}

#[test]
fn each_status_and_body_has_its_kind() {
    let error = |message: &str, code: &str| {
        json!({"error": {"message": message, "type": "x", "code": code}}).to_string()
    };
    for (status, body, kind) in [
        (401, error("Incorrect API key provided", "invalid_api_key"), Kind::Auth),
        (403, "{}".into(), Kind::Auth),
        (402, String::new(), Kind::Quota),
        (429, error("You exceeded your current quota", "insufficient_quota"), Kind::Quota),
        (429, error("slow down", "rate_limit_exceeded"), Kind::RateLimited),
        (404, error("The model `gpt-x` does not exist", "model_not_found"), Kind::NotFound),
        (404, "<html><head><title>404 Not Found</title></head></html>".into(), Kind::NotFound),
        (405, String::new(), Kind::NotFound),
        (400, error("no such model", "model_not_found"), Kind::NotFound),
        (400, error("This model's maximum context length is 8192 tokens", "x"), Kind::ContextTooLong),
        (400, error("too long", "context_length_exceeded"), Kind::ContextTooLong),
        (413, String::new(), Kind::ContextTooLong),
        (
            500,
            json!({"error": {"message": "the request exceeds the available context size"}}).to_string(),
            Kind::ContextTooLong,
        ),
        (400, error("stream_options is not supported", "x"), Kind::BadRequest),
        (422, json!({"detail": [{"msg": "field required"}]}).to_string(), Kind::BadRequest),
        (418, "short and stout".into(), Kind::BadRequest),
        (301, String::new(), Kind::BadRequest),
        (408, String::new(), Kind::Timeout),
        (500, "<html>".into(), Kind::Unavailable),
        (502, String::new(), Kind::Unavailable),
        (503, "overloaded".into(), Kind::Unavailable),
        (529, json!({"error": "overloaded"}).to_string(), Kind::Unavailable),
        (599, "\u{0}\u{1}".into(), Kind::Unavailable),
    ] {
        let error = error_of(status, &body, &[]);
        assert_eq!(error.kind, kind, "{status} {body}: {error}");
        assert_eq!(error.status, Some(status));
        assert!(
            error.message.contains("`main`") && error.message.contains(&format!("HTTP {status}")),
            "{error}"
        );
    }
}

#[test]
fn messages_say_what_to_do() {
    for (status, body, expected) in [
        (
            401,
            "{}",
            "provider `main` refused the key (HTTP 401); check api_key in [providers.main] or MAIN_API_KEY",
        ),
        (
            404,
            r#"{"error":{"message":"not here."}}"#,
            "provider `main` does not know the model `gpt-x` (HTTP 404): not here; check the model's name and base_url in [providers.main]",
        ),
        (
            404,
            "<html><title>Nope</title>",
            "provider `main` knows no such path at 127.0.0.1:80 (HTTP 404); check base_url in [providers.main], it usually ends in /v1",
        ),
        (
            500,
            "<html>\n<TITLE>Bad\nday</TITLE>",
            "provider `main` cannot serve now (HTTP 500): Bad day; try again later",
        ),
        (
            422,
            r#"{"detail":[{"msg":"field required"}]}"#,
            "provider `main` refused the request (HTTP 422): field required",
        ),
        (
            307,
            "",
            "provider `main` has moved (HTTP 307); set base_url in [providers.main] to its new address",
        ),
    ] {
        assert_eq!(error_of(status, body, &[]).message, expected);
    }
}

#[test]
fn a_server_that_repeats_the_key_does_not_give_it_away() {
    for status in [400, 401, 403, 404, 429, 500] {
        for body in [
            json!({"error": {"message": format!("wrong key {KEY}, really {KEY}")}}).to_string(),
            format!("<html><title>{KEY}</title></html>"),
            // The key stands where the quotation is cut.
            format!("{} {KEY}", "x".repeat(LONGEST_QUOTE - 8)),
        ] {
            let error = error_of(status, &body, &[]);
            assert!(!format!("{error:?}").contains(&KEY[..8]), "{error:?}");
        }
    }
}

#[test]
fn the_wait_that_a_server_wants_is_kept_within_bounds() {
    let date = ("date", "Sat, 21 Nov 2026 12:00:00 GMT");
    for (headers, expected) in [
        (vec![("retry-after", "7")], Retry::After(Duration::from_secs(7))),
        (vec![("retry-after", "1.5")], Retry::After(Duration::from_millis(1500))),
        (vec![("retry-after-ms", "250"), ("retry-after", "7")], Retry::After(Duration::from_millis(250))),
        (vec![("retry-after", "86400")], Retry::After(LONGEST_WAIT)),
        (vec![("retry-after", "1e300")], Retry::After(LONGEST_WAIT)),
        (vec![("retry-after", "-1")], Retry::Backoff),
        (vec![("retry-after", "NaN")], Retry::Backoff),
        (vec![("retry-after", "soon")], Retry::Backoff),
        (vec![("retry-after", "Sat, 21 Nov 2026 12:00:30 GMT"), date], Retry::After(Duration::from_secs(30))),
        (vec![("retry-after", "Sat, 21 Nov 2026 11:00:00 GMT"), date], Retry::Backoff),
        (vec![("retry-after", "Sat, 21 Nov 2026 12:00:30 GMT")], Retry::Backoff),
        (vec![], Retry::Backoff),
    ] {
        assert_eq!(error_of(429, "{}", &headers).retry, expected, "{headers:?}");
        assert_eq!(error_of(503, "{}", &headers).retry, expected, "{headers:?}");
        assert_eq!(error_of(401, "{}", &headers).retry, Retry::Never, "{headers:?}");
    }
}

#[test]
fn errors_inside_a_stream_have_kinds_too() {
    for (error, kind) in [
        (json!({"code": 502, "message": "bad gateway"}), Kind::Unavailable),
        (json!({"code": 429, "message": "slow down"}), Kind::RateLimited),
        (json!({"code": "rate_limit_exceeded"}), Kind::RateLimited),
        (json!({"code": "context_length_exceeded"}), Kind::ContextTooLong),
        (json!({"code": "insufficient_quota"}), Kind::Quota),
        (json!({"type": "server_error", "message": "oops"}), Kind::Unavailable),
        (json!({"type": "invalid_request_error", "message": "no"}), Kind::BadRequest),
        (json!({"message": "the prompt is too long"}), Kind::ContextTooLong),
        (json!("oops"), Kind::Unavailable),
        (json!({}), Kind::Unavailable),
        (json!(7), Kind::Unavailable),
    ] {
        assert_eq!(voice().trouble(&Trouble::Said(error.clone())).kind, kind, "{error}");
    }
}
