//! Memory that is not written to the swap file.

use crate::suite::KEY_LEN;
use region::LockGuard;
use zeroize::Zeroizing;

/// 32 secret bytes alone on their pages, locked against swapping as far as the system allows, wiped when dropped.
///
/// Systems lock pages, not bytes, and do not count: of two keys on one page, the end of the first would unlock the second
/// (mlock(2), `VirtualUnlock`). Locking is best effort, for the memory a process may lock is limited; a key that could not
/// be locked serves as well. Nothing is claimed about hibernation, nor about kernels with pages of more than 16 KiB.
pub(crate) struct LockedKey(Box<Page>);

/// A whole page of Apple silicon, and whole pages of everything with smaller ones; most of it stays empty.
///
/// Its parts are dropped in this order, and then it is freed: the key is wiped while the lock still holds, and the lock is
/// gone before another key can get the page.
#[repr(align(16384))]
struct Page {
    key: Zeroizing<[u8; KEY_LEN]>,
    lock: Option<LockGuard>,
}

impl LockedKey {
    /// Lets `fill` write the key where it stays, after the page was locked.
    pub(crate) fn filled(fill: impl FnOnce(&mut [u8; KEY_LEN])) -> Self {
        let mut page = Box::new(Page { key: Zeroizing::new([0; KEY_LEN]), lock: None });
        page.lock = region::lock(&raw const *page, size_of::<Page>()).ok();
        fill(&mut page.key);
        Self(page)
    }

    pub(crate) fn bytes(&self) -> &[u8; KEY_LEN] {
        &self.0.key
    }

    /// Whether the system took the lock.
    pub(crate) fn is_locked(&self) -> bool {
        self.0.lock.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::{LockedKey, Page};
    use static_assertions::{assert_impl_all, assert_not_impl_any};
    use std::fmt::{Debug, Display};
    use zeroize::{ZeroizeOnDrop, Zeroizing};

    impl LockedKey {
        /// Leaves it as it is where the system took no lock.
        pub(crate) fn unlock(&mut self) {
            self.0.lock = None;
        }
    }

    assert_impl_all!(Zeroizing<[u8; 32]>: ZeroizeOnDrop);
    assert_not_impl_any!(LockedKey: Clone, Debug, Display, PartialEq, serde::Serialize, AsRef<[u8]>);

    #[test]
    fn every_key_has_its_pages_to_itself() {
        let keys = [1, 2, 3].map(|byte| LockedKey::filled(|bytes| *bytes = [byte; 32]));
        assert_eq!((size_of::<Page>(), align_of::<Page>()), (16384, 16384));
        let mut pages = keys.each_ref().map(|key| key.bytes().as_ptr().addr() / 16384);
        for (key, byte) in keys.iter().zip([1, 2, 3]) {
            assert_eq!(*key.bytes(), [byte; 32]);
        }
        pages.sort_unstable();
        assert!(pages.is_sorted_by(|one, next| one < next), "{pages:?}");
    }

    #[test]
    fn a_lock_that_failed_is_told() {
        let mut key = LockedKey::filled(|bytes| *bytes = [7; 32]);
        let page = Box::new(Page { key: Zeroizing::new([0; 32]), lock: None });
        assert_eq!(key.is_locked(), region::lock(&raw const *page, 16384).is_ok());
        key.unlock();
        assert!(!key.is_locked());
        assert_eq!(*key.bytes(), [7; 32]);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_kernel_says_that_the_page_is_locked() {
        let key = LockedKey::filled(|bytes| *bytes = [7; 32]);
        let address = key.bytes().as_ptr().addr();
        let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let mut here = false;
        let flags = maps.lines().find_map(|line| {
            if let Some((start, end)) = line.split(' ').next().and_then(|range| range.split_once('-')) {
                let bound = |text| usize::from_str_radix(text, 16).unwrap();
                here = (bound(start)..bound(end)).contains(&address);
            }
            line.strip_prefix("VmFlags:").filter(|_| here)
        });
        assert_eq!(flags.unwrap().split(' ').any(|flag| flag == "lo"), key.is_locked());
    }
}
