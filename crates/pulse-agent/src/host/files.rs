//! Reading small kernel files.

use std::{fs::File, io::Read, path::Path};

/// More than any kernel file we read has; a path that is no kernel file must not fill the memory.
const MAX_BYTES: u64 = 1024 * 1024;

/// The text of a file, or `None` where it cannot be read.
pub(super) fn read_text(path: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(MAX_BYTES).read_to_end(&mut bytes).ok()?;
    Some(match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    })
}

/// Whether the kernel has put a device to sleep (`/sys/…/device`). Reading its values may wake it.
#[cfg(target_os = "linux")]
pub(super) fn is_asleep(device: &Path) -> bool {
    read_word(&device.join("power/runtime_status")).as_deref() == Some("suspended")
}

/// The trimmed text of a file that has any.
pub(super) fn read_word(path: &Path) -> Option<String> {
    read_text(path).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}
