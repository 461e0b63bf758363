//! Passwords: argon2id for new hashes, bcrypt is verified as well because Pulse v5 wrote it.
//!
//! Hashing takes tens of milliseconds and 19 MiB on purpose: never call it on an async thread, and never for more
//! callers at once than the machine can bear.

use argon2::{
    ARGON2ID_IDENT, Algorithm, Argon2, Block, Params, PasswordHash, Version,
    password_hash::phc::{Output, ParamsString, Salt},
};
use subtle::ConstantTimeEq;

use crate::random;

/// The shortest password that is accepted, in bytes.
pub const MIN_LENGTH: usize = 12;
/// The longest one: hashing must not be a way to keep the server busy.
pub const MAX_LENGTH: usize = 1_024;

/// OWASP's second choice of parameters: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1_024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// The C library keeps freed memory for later unless it was asked for more than 32 MiB at once: then it goes back to
/// the system. Without this every thread that hashed once would hold 19 MiB for good. What is not touched costs
/// nothing.
const GIVEN_BACK_KIB: usize = 33 * 1_024;

/// Limits for hashes that somebody else made: a file must not make a login take minutes or gigabytes.
const MAX_MEMORY_KIB: u32 = 256 * 1_024;
const MAX_PASSES: u32 = 16;
const MAX_BCRYPT_COST: u32 = 16;

/// Why a password cannot be hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Too short to be one.
    #[error("password must be at least {MIN_LENGTH} characters long")]
    TooShort,
    /// Too long to hash.
    #[error("password must be at most {MAX_LENGTH} characters long")]
    TooLong,
    /// No random salt, or no memory.
    #[error("the password cannot be hashed: the system gives no random numbers or no memory")]
    System,
}

/// Whether a new password is acceptable.
pub fn check(password: &str) -> Result<(), PasswordError> {
    match password.len() {
        0..MIN_LENGTH => Err(PasswordError::TooShort),
        MIN_LENGTH..=MAX_LENGTH => Ok(()),
        _ => Err(PasswordError::TooLong),
    }
}

/// Hashes a password with argon2id; the text says how and can be stored. Slow on purpose.
pub fn hash(password: &str) -> Result<String, PasswordError> {
    if password.len() > MAX_LENGTH {
        return Err(PasswordError::TooLong);
    }
    let parameters = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|_| PasswordError::System)?;
    let salt = random::<{ Salt::RECOMMENDED_LENGTH }>().map_err(|_| PasswordError::System)?;
    let mut out = [0; Params::DEFAULT_OUTPUT_LEN];
    compute(Algorithm::Argon2id, Version::V0x13, &parameters, password, &salt, &mut out)?;
    let hash = PasswordHash {
        algorithm: ARGON2ID_IDENT,
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(&parameters).map_err(|_| PasswordError::System)?,
        salt: Some(Salt::new(&salt).map_err(|_| PasswordError::System)?),
        hash: Some(Output::new(&out).map_err(|_| PasswordError::System)?),
    };
    Ok(hash.to_string())
}

/// A value an operator set as the password: a hash is left as it is, a password is hashed.
pub fn hash_unless_hashed(value: &str) -> Result<String, PasswordError> {
    if is_hash(value) { Ok(value.to_owned()) } else { hash(value) }
}

/// Whether a text is a hash that [`verify`] understands.
pub fn is_hash(text: &str) -> bool {
    is_bcrypt(text) || parse_argon2(text).is_some()
}

/// Whether the password fits the hash. What is no usable hash fits no password. Slow on purpose.
pub fn verify(password: &str, hash: &str) -> bool {
    if password.len() > MAX_LENGTH {
        return false;
    }
    if is_bcrypt(hash) {
        // bcrypt looks at 72 bytes only; Pulse v5 never hashed longer ones, so a longer one cannot be right.
        return password.len() <= 72 && bcrypt::verify(password, hash).unwrap_or(false);
    }
    parse_argon2(hash).and_then(|parsed| fits(password, &parsed)).unwrap_or(false)
}

fn fits(password: &str, hash: &PasswordHash) -> Option<bool> {
    let algorithm = hash.algorithm.as_str().parse().ok()?;
    let version = hash.version.map_or(Some(Version::default()), |version| Version::try_from(version).ok())?;
    let parameters = Params::try_from(hash).ok()?;
    let (salt, expected) = (hash.salt.as_ref()?, hash.hash.as_ref()?);
    let mut out = vec![0; expected.len()];
    compute(algorithm, version, &parameters, password, salt.as_ref(), &mut out).ok()?;
    Some(out.ct_eq(expected.as_bytes()).into())
}

fn compute(
    algorithm: Algorithm,
    version: Version,
    parameters: &Params,
    password: &str,
    salt: &[u8],
    out: &mut [u8],
) -> Result<(), PasswordError> {
    let blocks = parameters.block_count();
    let mut memory: Vec<Block> = Vec::new();
    memory.try_reserve_exact(blocks.max(GIVEN_BACK_KIB)).map_err(|_| PasswordError::System)?;
    memory.resize(blocks, Block::new());
    Argon2::new(algorithm, version, parameters.clone())
        .hash_password_into_with_memory(password.as_bytes(), salt, out, &mut memory)
        .map_err(|_| PasswordError::System)
}

/// Whether a hash should be made anew when the password is at hand: it is weaker than what [`hash`] makes.
pub fn needs_rehash(hash: &str) -> bool {
    let Some(parameters) = parse_argon2(hash).and_then(|parsed| Params::try_from(&parsed).ok()) else {
        return true;
    };
    parameters.m_cost() < MEMORY_KIB || parameters.t_cost() < PASSES
}

/// Does the work of a [`verify`] for a user that does not exist, so that the time does not tell.
pub fn verify_nobody(password: &str) {
    let _ = hash(password);
}

fn is_bcrypt(text: &str) -> bool {
    let known = ["$2a$", "$2b$", "$2y$"].iter().any(|prefix| text.starts_with(prefix));
    known
        && text.len() == 60
        && text
            .get(4..6)
            .and_then(|cost| cost.parse::<u32>().ok())
            .is_some_and(|cost| cost <= MAX_BCRYPT_COST)
}

fn parse_argon2(text: &str) -> Option<PasswordHash> {
    let parsed = PasswordHash::new(text).ok()?;
    let is_bounded = Params::try_from(&parsed).is_ok_and(|parameters| {
        parameters.m_cost() <= MAX_MEMORY_KIB
            && parameters.t_cost() <= MAX_PASSES
            && parameters.p_cost() <= 16
    });
    let is_known = parsed.algorithm.as_str().parse::<Algorithm>().is_ok();
    (is_known && is_bounded && parsed.hash.is_some()).then_some(parsed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_right_password_fits_and_no_other() {
        let hash = hash("correct horse battery").unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(verify("correct horse battery", &hash));
        assert!(!verify("correct horse batterY", &hash) && !verify("", &hash));
        assert!(is_hash(&hash) && !needs_rehash(&hash));
        assert_ne!(super::hash("correct horse battery").unwrap(), hash, "every hash has a salt of its own");
    }

    #[test]
    fn hashes_of_pulse_5_still_fit() {
        // Made with another implementation (libxcrypt) from "correct horse battery", cost 4.
        for prefix in ["$2a$", "$2b$", "$2y$"] {
            let hash = format!("{prefix}{BCRYPT}");
            assert!(is_hash(&hash) && needs_rehash(&hash));
            assert!(verify("correct horse battery", &hash), "{prefix}");
            assert!(!verify("correct horse batterY", &hash), "{prefix}");
        }
    }

    const BCRYPT: &str = "04$abcdefghijklmnopqrstuuqREtd3VJD2QVZbuFskFSLk6eRIrQoOS";

    #[test]
    fn what_is_no_usable_hash_fits_nothing_and_takes_no_time() {
        for hash in [
            "",
            "plain",
            "$2b$04$short",
            "$2b$31$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZabcde",
            "$argon2id$v=19$m=4194304,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
            "$argon2id$v=19$m=19456,t=4000000,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
            "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ",
            "$scrypt$ln=16,r=8,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
        ] {
            assert!(!is_hash(hash) && !verify("plain", hash) && !verify("", hash), "{hash}");
        }
    }

    #[test]
    fn hashes_of_other_argon2_implementations_fit() {
        // Test vectors of the reference implementation (phc-winner-argon2, src/test.c).
        for hash in [
            "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
            "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc",
        ] {
            assert!(verify("password", hash) && !verify("Password", hash), "{hash}");
            assert!(needs_rehash(hash));
        }
    }

    #[test]
    fn a_plain_value_is_hashed_and_a_hash_is_left() {
        let hash = hash_unless_hashed("plain").unwrap();
        assert!(verify("plain", &hash));
        assert_eq!(hash_unless_hashed(&hash).unwrap(), hash);
    }

    #[test]
    fn length_has_two_ends() {
        assert_eq!(check("elevenchars"), Err(PasswordError::TooShort));
        assert_eq!(check("twelve chars"), Ok(()));
        assert_eq!(check(&"x".repeat(MAX_LENGTH + 1)), Err(PasswordError::TooLong));
        assert_eq!(hash(&"x".repeat(MAX_LENGTH + 1)), Err(PasswordError::TooLong));
        assert_eq!(check("pässwörter12").map_err(|e| e.to_string()), Ok(()));
    }
}
