//! The memory of our own program in a process that has little more use for it: the interpreter's, which
//! is Python's from then on, its keeper's, which waits, and that of a worker whose loop begins: its start has
//! been through most of the program.

use std::ffi::{c_int, c_void};

use nix::libc::{MADV_DONTNEED, PF_W, PT_LOAD, dl_iterate_phdr, dl_phdr_info, madvise};

/// What is given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// The program's own pages: the libraries are Python's.
    Program,
    /// Those of its libraries too.
    Everything,
}

/// Gives back what was read from the files of program and libraries, up to 15 MiB. The pages that are needed later
/// come back from there.
pub fn release(mut extent: Extent) {
    unsafe extern "C" fn release(object: *mut dl_phdr_info, _: usize, extent: *mut c_void) -> c_int {
        // SAFETY: the loader gives a valid record and the headers that it counts, and passes on what we gave.
        let (base, headers, extent) = unsafe {
            let object = &*object;
            let headers = std::slice::from_raw_parts(object.dlpi_phdr, object.dlpi_phnum.into());
            (object.dlpi_addr, headers, *extent.cast::<Extent>())
        };
        // Nobody has written to these, so the file has all of what they hold.
        for header in headers.iter().filter(|header| header.p_type == PT_LOAD && header.p_flags & PF_W == 0) {
            let within = header.p_vaddr % header.p_align.max(1);
            let (start, length) = (base + header.p_vaddr - within, header.p_memsz + within);
            // SAFETY: whole pages of a private mapping that is never written: dropped, they are read
            // from the file again when they are touched. A refusal changes nothing.
            unsafe { madvise(start as *mut c_void, length as usize, MADV_DONTNEED) };
        }
        // The program comes first; another answer than 0 ends it there.
        c_int::from(extent == Extent::Program)
    }
    // SAFETY: the callback keeps nothing of what it is given, and `extent` outlives the call.
    unsafe { dl_iterate_phdr(Some(release), std::ptr::from_mut(&mut extent).cast()) };
}
