//! The memory of our own program in a process that has little more use for it: the interpreter's, which
//! is Python's from then on, its keeper's, which waits, and that of a worker whose loop begins: its start has
//! been through most of the program.

use std::ffi::{c_int, c_void};

use nix::libc::{MADV_DONTNEED, PF_W, PT_LOAD, dl_iterate_phdr, dl_phdr_info, madvise};

/// Gives back what the program takes in this process, some 3.5 MiB. The few pages that are needed
/// later come back from the file.
pub fn release_program() {
    unsafe extern "C" fn release(program: *mut dl_phdr_info, _: usize, _: *mut c_void) -> c_int {
        // SAFETY: the loader gives a valid record, and the headers that it counts.
        let (base, headers) = unsafe {
            let program = &*program;
            (program.dlpi_addr, std::slice::from_raw_parts(program.dlpi_phdr, program.dlpi_phnum.into()))
        };
        // Nobody has written to these, so the file has all of what they hold.
        for header in headers.iter().filter(|header| header.p_type == PT_LOAD && header.p_flags & PF_W == 0) {
            let within = header.p_vaddr % header.p_align.max(1);
            let (start, length) = (base + header.p_vaddr - within, header.p_memsz + within);
            // SAFETY: whole pages of a private mapping that is never written: dropped, they are read
            // from the file again when they are touched. A refusal changes nothing.
            unsafe { madvise(start as *mut c_void, length as usize, MADV_DONTNEED) };
        }
        1 // the first is the program itself; the libraries are Python's
    }
    // SAFETY: the callback keeps nothing of what it is given.
    unsafe { dl_iterate_phdr(Some(release), std::ptr::null_mut()) };
}
