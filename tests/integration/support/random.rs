//! Numbers that are the same for the same seed: a case is made again from its seed alone.

/// A small generator of numbers (splitmix64).
pub struct Random(u64);

impl Random {
    pub fn from_seed(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).unwrap()
    }

    pub fn one_in(&mut self, chances: usize) -> bool {
        self.below(chances) == 0
    }

    pub fn of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len())]
    }

    pub fn of_numbers(&mut self, choices: &[u32]) -> u32 {
        choices[self.below(choices.len())]
    }
}

/// How many cases, and the seed of the first: `CASES:SEED` in the variable, or what CI does.
pub fn cases(variable: &str, default: (u64, u64)) -> (u64, u64) {
    let Ok(given) = std::env::var(variable) else { return default };
    let (cases, seed) = given.split_once(':').expect("CASES:SEED");
    (cases.parse().unwrap(), seed.parse().unwrap())
}
