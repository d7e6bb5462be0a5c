use super::*;

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CALLBACK: &str = "http://127.0.0.1:4711/oauth/callback";
const CLIENT: Client = Client::Hearthkey;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_770_000_000 + seconds).unwrap()
}

fn request() -> AuthorizationRequest {
    AuthorizationRequest {
        client: CLIENT,
        redirect_uri: CALLBACK.into(),
        state: None,
        scopes: Scopes::parse(Some("profile events")).unwrap(),
        challenge: Sha256Of::new(VERIFIER).as_str().to_owned(),
        account: Account::Anna,
    }
}

fn issued(grants: &mut Grants, options: &Options) -> Issued {
    let code = grants.approve(request(), options, at(0));
    grants.redeem_code(&code, (CLIENT, CALLBACK, VERIFIER), options, at(1)).unwrap()
}

fn refresh(grants: &mut Grants, token: &str, options: &Options, now: i64) -> Result<Issued, Refusal> {
    grants.refresh(token, CLIENT, None, options, at(now))
}

fn outcome(result: Result<Issued, Refusal>) -> (&'static str, &'static str) {
    result.map_or_else(|refusal| (refusal.error, refusal.outcome), |issued| ("", issued.outcome))
}

#[test]
fn the_challenge_is_the_one_of_rfc_7636_appendix_b() {
    assert_eq!(Sha256Of::new(VERIFIER).as_str(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
}

#[test]
fn a_code_is_bound_to_its_request_and_its_minute() {
    let options = Options::default();
    let mut grants = Grants::default();
    let code = grants.approve(request(), &options, at(0));
    let other = format!("{VERIFIER}x");
    let cases = [
        ((Client::HearthkeyConfidential, CALLBACK, VERIFIER), 1, "another client's code"),
        ((CLIENT, "app.hearthkey:/oauth/callback", VERIFIER), 1, "wrong redirect_uri"),
        ((CLIENT, CALLBACK, other.as_str()), 1, "wrong verifier"),
        ((CLIENT, CALLBACK, VERIFIER), 60, "expired code"),
    ];
    for (presented, now, expected) in cases {
        let result = grants.redeem_code(&code, presented, &options, at(now));
        assert_eq!(outcome(result), ("invalid_grant", expected));
    }
    let result = grants.redeem_code(&code, (CLIENT, CALLBACK, VERIFIER), &options, at(59));
    assert_eq!(outcome(result), ("", "issued"));
}

#[test]
fn a_code_used_twice_revokes_what_it_gave() {
    let options = Options::default();
    let mut grants = Grants::default();
    let code = grants.approve(request(), &options, at(0));
    let first = grants.redeem_code(&code, (CLIENT, CALLBACK, VERIFIER), &options, at(1)).unwrap();
    assert!(grants.access(&first.access_token, at(2)).is_some());
    let second = grants.redeem_code(&code, (CLIENT, CALLBACK, VERIFIER), &options, at(2));
    assert_eq!(outcome(second), ("invalid_grant", "code reuse, grant revoked"));
    assert!(grants.access(&first.access_token, at(2)).is_none());
    let late = refresh(&mut grants, &first.refresh_token.unwrap(), &options, 3);
    assert_eq!(outcome(late), ("invalid_grant", "grant was revoked"));
}

#[test]
fn reuse_of_a_rotated_token_kills_the_family_and_no_other() {
    let options = Options::default();
    let mut grants = Grants::default();
    let bystander = issued(&mut grants, &options);
    let old = issued(&mut grants, &options).refresh_token.unwrap();
    let renewed = refresh(&mut grants, &old, &options, 2).unwrap();
    assert_eq!(renewed.outcome, "rotated");
    assert_eq!(outcome(refresh(&mut grants, &old, &options, 3)), ("invalid_grant", "reuse, family revoked"));
    assert!(grants.access(&renewed.access_token, at(3)).is_none());
    let new = renewed.refresh_token.unwrap();
    assert_eq!(outcome(refresh(&mut grants, &new, &options, 4)), ("invalid_grant", "grant was revoked"));
    assert!(grants.access(&bystander.access_token, at(4)).is_some());
    assert!(refresh(&mut grants, &bystander.refresh_token.unwrap(), &options, 4).is_ok());
}

#[test]
fn without_rotation_the_token_stays() {
    let options = Options { rotate_refresh_tokens: false, ..Options::default() };
    let mut grants = Grants::default();
    let token = issued(&mut grants, &options).refresh_token.unwrap();
    for now in 2..4 {
        let renewed = refresh(&mut grants, &token, &options, now).unwrap();
        assert_eq!((renewed.outcome, renewed.refresh_token), ("kept", None));
    }
}

#[test]
fn tokens_end_at_their_time() {
    let options = Options { refresh_token_seconds: Some(1000), ..Options::default() };
    let mut grants = Grants::default();
    let first = issued(&mut grants, &options);
    assert!(grants.access(&first.access_token, at(300)).is_some());
    assert!(grants.access(&first.access_token, at(301)).is_none());
    let token = first.refresh_token.unwrap();
    assert_eq!(outcome(refresh(&mut grants, &token, &options, 1001)), ("invalid_grant", "expired"));
    assert_eq!(outcome(refresh(&mut grants, &token, &options, 1000)), ("", "rotated"));
}

#[test]
fn a_refresh_may_narrow_but_not_widen() {
    let options = Options::default();
    let mut grants = Grants::default();
    let token = issued(&mut grants, &options).refresh_token.unwrap();
    let wider = grants.refresh(&token, CLIENT, Some("messages"), &options, at(2));
    assert_eq!(outcome(wider), ("invalid_scope", "scope too wide"));
    let narrow = grants.refresh(&token, CLIENT, Some("events"), &options, at(2)).unwrap();
    assert_eq!(narrow.scopes.parameter(), "events");
    let again = refresh(&mut grants, &narrow.refresh_token.unwrap(), &options, 3).unwrap();
    assert_eq!(again.scopes.parameter(), "profile events");
}

#[test]
fn a_client_revokes_its_own_tokens_only() {
    let options = Options::default();
    let mut grants = Grants::default();
    let token = issued(&mut grants, &options).refresh_token.unwrap();
    let foreign = grants.revoke(&token, Client::HearthkeyConfidential, at(2));
    assert_eq!(foreign.map_err(|refusal| refusal.error), Err("unauthorized_client"));
    assert!(refresh(&mut grants, &token, &options, 3).is_ok());
}

#[test]
fn a_device_code_goes_through_its_states() {
    let options = Options::default();
    let mut grants = Grants::default();
    let scopes = Scopes::parse(None).unwrap();
    let (code, user_code) = grants.start_device(CLIENT, scopes.clone(), &options, at(0));
    let poll = |grants: &mut Grants, code: &str, now: i64| {
        outcome(grants.redeem_device(code, CLIENT, &options, at(now))).0
    };
    assert_eq!(poll(&mut grants, &code, 0), "authorization_pending");
    assert_eq!(poll(&mut grants, &code, 4), "slow_down");
    assert_eq!(poll(&mut grants, &code, 13), "slow_down", "the interval grew to ten seconds");
    assert_eq!(poll(&mut grants, &code, 28), "authorization_pending");
    let spelled = user_code.to_lowercase().replace('-', " ");
    assert!(grants.decide_device(&spelled, Decision::Approved(Account::Ben), at(29)));
    assert!(!grants.decide_device(&spelled, Decision::Denied, at(29)), "decided once");
    assert_eq!(poll(&mut grants, &code, 100), "");
    assert_eq!(poll(&mut grants, &code, 200), "invalid_grant", "used once");

    let (denied, user_code) = grants.start_device(CLIENT, scopes.clone(), &options, at(0));
    assert!(grants.decide_device(&user_code, Decision::Denied, at(1)));
    assert_eq!(poll(&mut grants, &denied, 1), "access_denied");
    let (late, _) = grants.start_device(CLIENT, scopes, &options, at(0));
    assert_eq!(poll(&mut grants, &late, 600), "expired_token");
}

#[test]
fn pruning_keeps_what_still_answers() {
    let options = Options::default();
    let mut grants = Grants::default();
    let old = issued(&mut grants, &options).refresh_token.unwrap();
    let new = refresh(&mut grants, &old, &options, 2).unwrap().refresh_token.unwrap();
    grants.prune(at(MEMORY.as_secs()));
    assert_eq!(grants.access_tokens.len(), 0);
    assert_eq!(grants.refresh_tokens.len(), 2);
    grants.prune(at(MEMORY.as_secs() + 2));
    assert_eq!(grants.refresh_tokens.len(), 1);
    assert!(refresh(&mut grants, &new, &options, MEMORY.as_secs() + 3).is_ok());
}
