//! The pages: signing in, looking at a case, deciding it, alone and by two.

use super::world::{OTHER, PASSWORD, REASON, WINNER, console};

#[tokio::test(flavor = "multi_thread")]
async fn a_steward_decides_a_case_on_the_page() {
    let console = console().await.unwrap();
    let (mut browser, service) = console.serve().await;
    let entry = browser.sign_in("an", PASSWORD).await;
    assert_eq!((entry.status, entry.location.as_str()), (303, "/cases"));
    for attribute in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(entry.set_cookie.contains(attribute), "{}", entry.set_cookie);
    }
    let list = browser.get("/cases").await.unwrap();
    let path = format!("/cases/{}", console.case_id);
    assert!(list.body.contains(&format!("href=\"{path}\"")), "{}", list.body);
    assert!(!list.body.contains("Thị Kiểm"), "a list shows no value");
    let case = browser.get(&path).await.unwrap();
    assert!(case.body.contains(WINNER) && case.body.contains(OTHER), "{}", case.body);
    let (token, seen, follows) = (case.hidden("form_token"), case.hidden("seen"), case.hidden("follows"));
    let decide = format!("{path}/decide");
    let form = |changed: (&'static str, &'static str)| {
        let fields = [
            ("form_token", token.clone()),
            ("seen", seen.clone()),
            ("follows", follows.clone()),
            ("takes", OTHER.to_owned()),
            ("reason", REASON.to_owned()),
        ];
        fields.map(|(name, value)| (name, if name == changed.0 { changed.1.to_owned() } else { value }))
    };
    for (changed, status) in [
        (("form_token", "x"), 403),
        (("takes", ""), 422),
        (("takes", "residence/person/R-78/resident"), 422),
        (("reason", "  ngắn  "), 422),
        (("seen", "x"), 422),
        (("follows", "00000000-0000-0000-0000-000000000009"), 422),
        (("", ""), 303),
        (("", ""), 422),
    ] {
        let form = form(changed);
        let form: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(browser.post(&decide, &form).await.status, status, "{changed:?}");
    }
    assert_eq!(console.count("select count(*) from console.decision").await, 1);
    assert_eq!(console.count("select count(*) from console.audit where action = 'case_decided'").await, 1);
    let case = browser.get(&path).await.unwrap();
    assert!(case.body.contains("Đã ghi quyết định"));
    let list = browser.get("/cases").await.unwrap();
    assert!(list.body.contains("Đã quyết định, chờ cập nhật"));
    let token = list.hidden("form_token");
    assert_eq!(browser.post("/sign-out", &[("form_token", &token)]).await.location, "/sign-in?out=1");
    assert_eq!(browser.get(&path).await.unwrap().location, "/sign-in?ended=1");
    let shown = console.count("select count(*) from console.audit where action = 'case_shown'").await;
    let counted = format!("dansync_sensitive_views_total{{kind=\"case\"}} {shown}\n");
    assert!(shown > 1 && service.inner.metrics.render().contains(&counted), "{shown}");
    service.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_cannot_decide_and_guessing_closes_a_name() {
    let console = console().await.unwrap();
    let (mut browser, service) = console.serve().await;
    assert_eq!(browser.sign_in("xem", PASSWORD).await.status, 303);
    let case = browser.get(&format!("/cases/{}", console.case_id)).await.unwrap();
    assert!(!case.body.contains("/decide"));
    let token = case.hidden("form_token");
    let decide = format!("/cases/{}/decide", console.case_id);
    let form = [
        ("form_token", token.as_str()),
        ("takes", OTHER),
        ("seen", "x"),
        ("follows", ""),
        ("reason", REASON),
    ];
    assert_eq!(browser.post(&decide, &form).await.status, 403);
    let mut stranger = browser.stranger();
    for name in ["an", "nobody"] {
        let mut statuses = Vec::new();
        for _ in 0..6 {
            statuses.push(stranger.sign_in(name, "wrong wrong wrong").await.status);
        }
        assert_eq!(statuses, [401, 401, 401, 401, 401, 429], "{name}");
    }
    assert_eq!(stranger.sign_in("an", PASSWORD).await.status, 429);
    assert_eq!(console.count("select count(*) from console.audit where action = 'sign_in_blocked'").await, 2);
    steward_console::ensure_user(
        &console.owner,
        "xem",
        steward_console::Role::Reader,
        "another password".into(),
    )
    .await
    .unwrap();
    assert_eq!(
        browser.get("/cases").await.unwrap().location,
        "/sign-in?ended=1",
        "a new password ends sessions"
    );
    service.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_stewards_split_on_the_page_and_take_it_back() {
    let console = console().await.unwrap();
    let (mut an, service) = console.serve().await;
    let mut binh = an.clone();
    assert_eq!(an.sign_in("an", PASSWORD).await.status, 303);
    assert_eq!(binh.sign_in("binh", PASSWORD).await.status, 303);
    let path = format!("/cases/{}", console.case_id);
    let case = an.get(&path).await.unwrap();
    assert!(case.body.contains("Các bản ghi đặt cạnh nhau"), "{}", case.body);
    let (token, seen, follows) = (case.hidden("form_token"), case.hidden("seen"), case.hidden("follows"));
    let form = |kind: &'static str, reason: &'static str, token: &str, seen: &str| {
        [
            ("form_token", token),
            ("seen", seen),
            ("follows", &follows),
            ("kind", kind),
            ("record", OTHER),
            ("other", ""),
            ("reason", reason),
        ]
        .map(|(name, value)| (name, value.to_owned()))
    };
    for (kind, reason, token, seen, status) in [
        ("split", REASON, "x", seen.as_str(), 403),
        ("merge", REASON, &token, &seen, 422),
        ("send_back", REASON, &token, &seen, 422),
        ("split", "ngắn", &token, &seen, 422),
        ("split", REASON, &token, "x", 422),
        ("split", REASON, &token, &seen, 303),
    ] {
        let form = form(kind, reason, token, seen);
        let form: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(an.post(&format!("{path}/rule"), &form).await.status, status, "{kind} {reason}");
    }
    let waiting = binh.get(&path).await.unwrap();
    assert!(waiting.body.contains("Chờ người thứ hai duyệt") && waiting.body.contains("value=\"approved\""));
    let proposal = waiting.body.split("/proposals/").nth(1).unwrap().split('"').next().unwrap();
    let approve = [
        ("form_token", waiting.hidden("form_token")),
        ("end", "approved".to_owned()),
        ("reason", REASON.to_owned()),
    ];
    let approve: Vec<_> = approve.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(binh.post(&format!("{path}/proposals/{proposal}"), &approve).await.status, 303);
    assert_eq!(console.count("select count(*) from console.identity_decision").await, 1);
    sqlx::query("update registry_case set open = false, state = 'closed'")
        .execute(&console.registry)
        .await
        .unwrap();
    let decided = an.get(&path).await.unwrap();
    for part in ["Hồ sơ này không còn mở", "Các nguồn khác nhau", "Đã đóng", "/take-back"] {
        assert!(decided.body.contains(part), "{part}: {}", decided.body);
    }
    assert_eq!(an.get("/cases/0123456789abcdef").await.unwrap().status, 404, "a case that never was");
    let back = [
        ("form_token", decided.hidden("form_token")),
        ("decision", decided.hidden("decision")),
        ("reason", REASON.to_owned()),
    ];
    let back: Vec<_> = back.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(an.post(&format!("{path}/take-back"), &back).await.status, 303);
    let waiting = binh.get(&path).await.unwrap();
    let proposal = waiting.body.split("/proposals/").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(binh.post(&format!("{path}/proposals/{proposal}"), &approve).await.status, 303);
    assert_eq!(
        console.count("select count(*) from console.identity_decision where reverses is not null").await,
        1
    );
    assert!(an.get(&path).await.unwrap().body.contains("Đã thu hồi bằng quyết định"));
    service.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_is_filtered_and_says_who_has_a_case_and_until_when() {
    let console = console().await.unwrap();
    sqlx::query("update registry_case set due_on = '2026-03-04', state = 'waiting', waits_for = 'residence'")
        .execute(&console.registry)
        .await
        .unwrap();
    let (mut browser, service) = console.serve().await;
    assert_eq!(browser.sign_in("an", PASSWORD).await.status, 303);
    let path = format!("/cases/{}", console.case_id);
    let token = browser.get(&path).await.unwrap().hidden("form_token");
    let taken = browser.post(&format!("{path}/claim"), &[("form_token", &token), ("take", "1")]).await;
    assert_eq!(taken.status, 303);
    for page in [browser.get("/cases").await.unwrap(), browser.get(&path).await.unwrap()] {
        for text in ["Chờ cơ quan quản lý nguồn: Cư trú", "04/03/2026", "an</"] {
            assert!(page.body.contains(text), "{text}: {}", page.body);
        }
    }
    for (query, shown) in [
        ("state=waiting&kind=field_conflict&waits_for=residence", true),
        ("state=&kind=&waits_for=", true),
        ("state=new", false),
        ("kind=orphan", false),
        ("waits_for=identity", false),
        ("overdue=1", false),
    ] {
        let list = browser.get(&format!("/cases?{query}")).await.unwrap();
        assert_eq!((list.status, list.body.contains(&path)), (200, shown), "{query}");
    }
    assert_eq!(browser.get("/cases?kind=nothing").await.unwrap().status, 400);
    service.end().await;
}
