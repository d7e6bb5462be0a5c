//! Memory that is not written to the swap file.

use crate::suite::KEY_LEN;
use region::LockGuard;
use zeroize::Zeroize;

/// A whole page of Apple silicon, and whole pages of everything with smaller ones; the rest of it stays empty.
#[repr(align(16384))]
struct Page([u8; KEY_LEN]);

/// 32 secret bytes alone on their pages, locked against swapping as far as the system allows, wiped when dropped.
///
/// Systems lock pages, not bytes, and do not count: of two keys on one page, the end of the first would unlock the second
/// (mlock(2), `VirtualUnlock`). Locking is best effort, for the memory a process may lock is limited; a key that could not
/// be locked serves as well. Nothing is claimed about hibernation, nor about kernels with pages of more than 16 KiB.
pub(crate) struct LockedKey {
    // Dropped before the page is freed: another key may get the page, and lock it, right after.
    lock: Option<LockGuard>,
    page: Box<Page>,
}

impl LockedKey {
    /// Lets `fill` write the key where it stays, after the page was locked.
    pub(crate) fn filled(fill: impl FnOnce(&mut [u8; KEY_LEN])) -> Self {
        let mut page = Box::new(Page([0; KEY_LEN]));
        let lock = region::lock(&raw const *page, size_of::<Page>()).ok();
        fill(&mut page.0);
        Self { lock, page }
    }

    pub(crate) fn bytes(&self) -> &[u8; KEY_LEN] {
        &self.page.0
    }

    /// Whether the system took the lock.
    pub(crate) fn is_locked(&self) -> bool {
        self.lock.is_some()
    }

    fn wipe(&mut self) {
        self.page.0.zeroize();
    }
}

impl Drop for LockedKey {
    /// Wipes while the lock still holds.
    fn drop(&mut self) {
        self.wipe();
    }
}

#[cfg(test)]
mod tests {
    use super::{LockedKey, Page};
    use static_assertions::assert_not_impl_any;
    use std::fmt::{Debug, Display};

    impl LockedKey {
        /// Leaves it as it is where the system took no lock.
        pub(crate) fn unlock(&mut self) {
            self.lock = None;
        }
    }

    assert_not_impl_any!(LockedKey: Clone, Debug, Display, PartialEq, serde::Serialize, AsRef<[u8]>);

    #[test]
    fn every_key_has_its_pages_to_itself() {
        let keys = [1, 2, 3].map(|byte| LockedKey::filled(|bytes| *bytes = [byte; 32]));
        assert_eq!((size_of::<Page>(), align_of::<Page>()), (16384, 16384));
        for (key, byte) in keys.iter().zip([1, 2, 3]) {
            assert_eq!(*key.bytes(), [byte; 32]);
            assert_eq!(key.bytes().as_ptr().addr() % 16384, 0);
        }
    }

    #[test]
    fn a_key_is_wiped_and_a_failed_lock_is_told() {
        let mut key = LockedKey::filled(|bytes| *bytes = [7; 32]);
        key.wipe();
        assert_eq!(*key.bytes(), [0; 32]);
        assert_eq!(key.is_locked(), region::lock(&raw const *Box::new(Page([0; 32])), 16384).is_ok());
        key.unlock();
        assert!(!key.is_locked());
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
