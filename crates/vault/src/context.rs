//! The place an envelope belongs to, as the bytes that are authenticated with it.

use crate::error::ContextTooLong;
use crate::suite;
use crate::vault_id::VaultId;
use hearthkey_domain::sealed::SealContext;

/// The longest context field (workspace, table, row, field, issuer), in bytes. The policy is hashed and has no limit.
pub const MAX_CONTEXT_FIELD: usize = 64 * 1024;

/// The associated data of an envelope (SP 800-38D section 5.2.1.1):
/// `LP(vault id) LP(workspace) LP(table) LP(row) LP(field) LP(u64 version) LP(issuer) LP(SHA-256(policy))`, where `LP(x)` is
/// the length of x as u32, then x; all numbers big-endian. No two places give the same bytes.
#[derive(Debug)]
pub(crate) struct AssociatedData(Vec<u8>);

impl AssociatedData {
    /// Encodes a place in a vault.
    pub(crate) fn of(vault: VaultId, context: &SealContext<'_>) -> Result<Self, ContextTooLong> {
        let mut data = Vec::with_capacity(256);
        append_prefixed(&mut data, "vault", vault.as_bytes())?;
        append_prefixed(&mut data, "workspace", context.workspace.as_bytes())?;
        append_prefixed(&mut data, "table", context.table.as_bytes())?;
        append_prefixed(&mut data, "row", context.row.as_bytes())?;
        append_prefixed(&mut data, "field", context.field.as_bytes())?;
        append_prefixed(&mut data, "version", &context.version.to_be_bytes())?;
        append_prefixed(&mut data, "issuer", context.issuer.as_bytes())?;
        append_prefixed(&mut data, "policy", &suite::sha256(context.policy.as_bytes()))?;
        Ok(Self(data))
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Appends `LP(value)`: its length as u32, big-endian, then itself. What is too long is named as `field`.
pub(crate) fn append_prefixed(
    data: &mut Vec<u8>,
    field: &'static str,
    value: &[u8],
) -> Result<(), ContextTooLong> {
    let length = value.len();
    let prefix = u32::try_from(length).ok().filter(|_| length <= MAX_CONTEXT_FIELD);
    let prefix = prefix.ok_or(ContextTooLong { field, length })?;
    data.extend_from_slice(&prefix.to_be_bytes());
    data.extend_from_slice(value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{AssociatedData, MAX_CONTEXT_FIELD};
    use crate::VaultId;
    use crate::error::ContextTooLong;
    use hearthkey_domain::sealed::SealContext;

    fn context<'a>(row: &'a str, field: &'a str) -> SealContext<'a> {
        SealContext { workspace: "w", table: "t", row, field, version: 1, issuer: "", policy: "" }
    }

    #[test]
    fn moving_a_letter_across_a_border_gives_other_bytes() {
        let vault = VaultId::generate().unwrap();
        let of = |row, field| AssociatedData::of(vault, &context(row, field)).unwrap().0;
        assert_ne!(of("ab", "c"), of("a", "bc"));
        assert_ne!(of("", "c"), of("c", ""));
        assert_eq!(of("ab", "c"), of("ab", "c"));
    }

    #[test]
    fn an_overlong_field_is_named() {
        assert_eq!(MAX_CONTEXT_FIELD, 65536);
        let vault = VaultId::generate().unwrap();
        let row = "r".repeat(MAX_CONTEXT_FIELD + 1);
        assert!(AssociatedData::of(vault, &context(&row[1..], "f")).is_ok());
        let refused = AssociatedData::of(vault, &context(&row, "f")).map(|_| ());
        assert_eq!(refused, Err(ContextTooLong { field: "row", length: row.len() }));
    }
}
