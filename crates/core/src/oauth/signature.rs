//! The signatures with which services sign a browser's return.

use hearthkey_connectors::manifest::{CallbackSignature, OAuth2};
use hearthkey_domain::Secret;
use hearthkey_domain::authorization::{Accepted, ReturnRefused};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::collections::BTreeMap;
use url::form_urlencoded;

/// Checks the signature of a return, where the service signs it with the client's secret. Nothing of a return whose signature
/// is wrong is used.
pub(crate) fn check_return(
    oauth: &OAuth2,
    returned: &Accepted,
    client_secret: Option<&Secret>,
) -> Result<(), ReturnRefused> {
    let Some(CallbackSignature::SortedQueryHmacSha256) = oauth.callback_signature else { return Ok(()) };
    let refused = || ReturnRefused::WrongSignature;
    let secret = client_secret.ok_or_else(refused)?;
    let given = returned.further.get("hmac").and_then(|text| from_hex(text)).ok_or_else(refused)?;
    let mut signed: BTreeMap<&str, &str> =
        returned.further.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    signed.remove("hmac");
    signed.insert("state", returned.state.expose());
    signed.insert("code", returned.code.expose());
    if let Some(iss) = &returned.iss {
        signed.insert("iss", iss);
    }
    let message = form_urlencoded::Serializer::new(String::new()).extend_pairs(&signed).finish();
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()).map_err(|_| refused())?;
    mac.update(message.as_bytes());
    // In constant time.
    mac.verify_slice(&given).map_err(|_| refused())
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hearthkey_connectors::Catalog;
    use hearthkey_domain::authorization::Callback;

    /// Made with openssl: `printf '%s' 'code=c0de&shop=acme.myshopify.com&state=st-4te&timestamp=1790000000' | openssl dgst
    /// -sha256 -hmac hush`.
    const GOOD: &str = "59ce22914b7a8bf038b54844299b8f8e4b870e1fe867c0e993fa6d75499ff7a4";

    fn check(query: &str, secret: Option<&str>) -> Result<(), ReturnRefused> {
        let catalog = Catalog::built_in().unwrap();
        let oauth = catalog.get("shopify").unwrap().method(Some("oauth")).unwrap().oauth2.as_ref().unwrap();
        let Callback { state, outcome, iss, further } = Callback::parse(query).unwrap();
        let returned = Accepted { code: outcome.unwrap(), state, iss, further };
        check_return(oauth, &returned, secret.map(Secret::new).as_ref())
    }

    #[test]
    fn a_return_is_believed_only_with_its_signature() {
        let signed = |hmac: &str| {
            format!("code=c0de&hmac={hmac}&shop=acme.myshopify.com&state=st-4te&timestamp=1790000000")
        };
        assert_eq!(check(&signed(GOOD), Some("hush")), Ok(()));
        assert_eq!(check(&signed(&GOOD.to_uppercase()), Some("hush")), Ok(()));
        let wrong = Err(ReturnRefused::WrongSignature);
        assert_eq!(check(&signed(GOOD), Some("hush!")), wrong);
        assert_eq!(check(&signed(GOOD), None), wrong);
        assert_eq!(check(&signed(GOOD).replace("acme", "evil"), Some("hush")), wrong);
        assert_eq!(check(&format!("{}&a=b", signed(GOOD)), Some("hush")), wrong);
        assert_eq!(check(&signed(GOOD).replace("c0de", "other"), Some("hush")), wrong);
        for bad in ["", "00", &"0".repeat(64), &"g".repeat(64), &format!("{GOOD}00"), "é"] {
            assert_eq!(check(&signed(bad), Some("hush")), wrong, "{bad}");
        }
        assert_eq!(check("code=c0de&shop=acme.myshopify.com&state=st-4te", Some("hush")), wrong);
    }
}
