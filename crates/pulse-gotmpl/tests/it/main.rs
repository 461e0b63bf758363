//! Templates against what real Go makes of them, and against rubbish.

#[cfg(test)]
mod golden;
#[cfg(test)]
mod rubbish;
