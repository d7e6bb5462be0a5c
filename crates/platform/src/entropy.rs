//! Randomness from the kernel. (The vault draws its keys and nonces itself.)

use hearthkey_domain::ports::Entropy;

/// The random source of the kernel.
#[derive(Debug, Clone, Copy, Default)]
pub struct KernelEntropy;

impl Entropy for KernelEntropy {
    /// # Panics
    /// When the kernel has no random source, which no supported system lacks: to go on without one would be worse.
    fn fill(&self, buffer: &mut [u8]) {
        getrandom::fill(buffer).expect("every supported system has a kernel random source");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_draws_differ() {
        let (mut one, mut two) = ([0; 32], [0; 32]);
        KernelEntropy.fill(&mut one);
        KernelEntropy.fill(&mut two);
        assert_ne!(one, two);
        assert_ne!(one, [0; 32]);
    }
}
