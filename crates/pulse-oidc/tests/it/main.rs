//! ID tokens as an attacker would make them.

#[cfg(test)]
mod attacks;
