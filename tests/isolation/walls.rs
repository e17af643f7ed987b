//! Which wall each attack has to meet.

/// What stands between the model and what it wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wall {
    /// Needs nothing that a kernel could lack.
    Always,
    /// A field of `isolation` in `bootstrap status --json`; where the kernel lacks it, the field is false.
    Reported(&'static str),
}

const ENVIRONMENT: Wall = Wall::Reported("environment");
const UNDUMPABLE: Wall = Wall::Reported("undumpable");
const LANDLOCK: Wall = Wall::Reported("landlock");
const SIGNALS: Wall = Wall::Reported("signals");
const LIMITS: Wall = Wall::Reported("limits");
const NO_NEW_PRIVS: Wall = Wall::Reported("no_new_privs");
const CAPABILITIES: Wall = Wall::Reported("capabilities_dropped");

/// Every attack of `attacks.py`.
pub const ATTACKS: &[(&str, Wall)] = &[
    ("environment_of_its_own", ENVIRONMENT),
    ("environment_of_the_worker", UNDUMPABLE),
    ("environment_of_a_bystander", LANDLOCK),
    ("command_lines", Wall::Always),
    ("memory_by_file", UNDUMPABLE),
    ("memory_maps", UNDUMPABLE),
    ("memory_by_process_vm_readv", UNDUMPABLE),
    ("memory_by_process_vm_writev", UNDUMPABLE),
    ("ptrace_seize", UNDUMPABLE),
    ("descriptors_by_link", UNDUMPABLE),
    ("descriptors_by_pidfd_getfd", UNDUMPABLE),
    ("executable_root_and_working_directory", UNDUMPABLE),
    ("core_dumps", CAPABILITIES),
    ("inherited_descriptors", Wall::Always),
    ("key", LANDLOCK),
    ("key_in_a_thread", LANDLOCK),
    ("key_by_another_program", LANDLOCK),
    ("key_by_proc_self_root", LANDLOCK),
    ("key_by_root_of_the_worker", UNDUMPABLE),
    ("key_by_working_directory", LANDLOCK),
    ("key_by_symbolic_link", LANDLOCK),
    ("key_by_hard_link", LANDLOCK),
    ("key_by_path_descriptor", LANDLOCK),
    ("key_by_file_handle", CAPABILITIES),
    ("key_in_a_user_namespace", LANDLOCK),
    ("key_by_bind_mount", LANDLOCK),
    ("key_by_chroot", LANDLOCK),
    ("key_by_program_in_memory", LANDLOCK),
    ("key_moved", LANDLOCK),
    ("key_folder_exchanged", LANDLOCK),
    ("key_overwritten", LANDLOCK),
    ("key_folder_listed", LANDLOCK),
    ("state_listed", LANDLOCK),
    ("journal", LANDLOCK),
    ("journal_log", LANDLOCK),
    ("journal_overwritten", LANDLOCK),
    ("journal_removed", LANDLOCK),
    ("journal_cut", LANDLOCK),
    ("state_added_to", LANDLOCK),
    ("log_written", LANDLOCK),
    ("heartbeat_opened", LANDLOCK),
    ("heartbeat_replaced", LANDLOCK),
    ("heartbeat_removed", LANDLOCK),
    ("heartbeat_led_elsewhere", LANDLOCK),
    ("heartbeat_tied_down", LANDLOCK),
    ("signal_a_bystander", SIGNALS),
    ("signal_to_the_worker", SIGNALS),
    ("signal_stop", SIGNALS),
    ("signal_kill", SIGNALS),
    ("signal_to_each_thread", SIGNALS),
    ("signal_queued", SIGNALS),
    ("signal_by_pidfd", SIGNALS),
    ("limit_of_processor_time", LIMITS),
    ("limit_of_open_files", LIMITS),
    ("limit_of_file_size", LIMITS),
    ("victim_of_the_kernel", LANDLOCK),
    ("abstract_socket", SIGNALS),
    ("bundle_added_to", LANDLOCK),
    ("bundle_code_opened", LANDLOCK),
    ("bundle_code_cut", LANDLOCK),
    ("bundle_cache", LANDLOCK),
    ("environment_packages", LANDLOCK),
    ("environment_interpreter", LANDLOCK),
    ("environment_settings", LANDLOCK),
    ("user_packages", LANDLOCK),
    ("program_of_the_worker", LANDLOCK),
    ("shared_folder_for_temporary_files", LANDLOCK),
    ("capabilities", CAPABILITIES),
    ("capabilities_of_a_program", CAPABILITIES),
    ("setuid_program", NO_NEW_PRIVS),
    ("other_user", CAPABILITIES),
    ("owner_of_a_file", CAPABILITIES),
    ("mount_of_a_file_system", CAPABILITIES),
    ("device_node", CAPABILITIES),
];

/// What keeps an attack out.
pub fn wall_of(attack: &str) -> Wall {
    let row = ATTACKS.iter().find(|(name, _)| *name == attack);
    row.unwrap_or_else(|| panic!("{attack} is not in the table of walls")).1
}
