//! The agent as its service manager sees it: started, asked, told to stop.

#[cfg(test)]
mod program;
