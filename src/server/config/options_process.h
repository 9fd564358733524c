/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_CONFIG_OPTIONS_PROCESS_H
#define SALLY_SERVER_CONFIG_OPTIONS_PROCESS_H

/* Options about logs and processes. What the columns mean: options.h. */
#define CONFIG_OPTIONS_PROCESS(BOOL, NUMBER, STRING)                                                         \
    BOOL(xferlog_enable, false, SERVER, DONE,                                                                \
         "Log uploads and downloads: to vsftpd_log_file, or with xferlog_std_format to xferlog_file.")       \
    BOOL(xferlog_std_format, false, SERVER, DONE,                                                            \
         "Log transfers in the format of wu-ftpd's xferlog, which many tools read.")                         \
    STRING(xferlog_file, "/var/log/xferlog", PATH, SERVER, DONE, "Where the log in xferlog's format goes.")  \
    STRING(vsftpd_log_file, "/var/log/vsftpd.log", PATH, SERVER, DONE,                                       \
           "Where the log in vsftpd's format goes.")                                                         \
    BOOL(dual_log_enable, false, SERVER, DONE,                                                               \
         "With xferlog_enable, write both xferlog_file and vsftpd_log_file.")                                \
    BOOL(syslog_enable, false, SERVER, DONE,                                                                 \
         "What would go to vsftpd_log_file goes to the system's log, facility ftp, instead.")                \
    BOOL(log_ftp_protocol, false, SERVER, DONE,                                                              \
         "Log every FTP command and reply; passwords are left out. Needs xferlog_enable, and "               \
         "xferlog_std_format off.")                                                                          \
    BOOL(no_log_lock, false, SERVER, DONE,                                                                   \
         "Whether vsftpd locks its log while it writes. Here a line is always written whole by one "         \
         "process, and this option changes nothing.")                                                        \
    STRING(json_log_file, NULL, PATH, SERVER, DONE,                                                          \
           "Where to log sessions and transfers as JSON, one object a line. Unset: nowhere.")                \
    STRING(control_socket, "/run/sallyd/control", PATH, SERVER, DONE,                                        \
           "The socket that sallyd who and sallyd kick talk to. Set to nothing: no such socket.")            \
    STRING(control_group, NULL, NAME, SERVER, DONE,                                                          \
           "The group whose members may use control_socket besides root. Unset: root only.")                 \
    STRING(workers, "auto", NAME, SERVER, DONE,                                                              \
           "How many event loops the worker has, each on a processor of its own: auto, for one for each "    \
           "processor that it may use (16 at most), or a number. A change counts from a restart on.")        \
    STRING(nopriv_user, "nobody", NAME, SERVER, DONE,                                                        \
           "The system user that the worker, the process that talks to clients, runs as.")                   \
    STRING(secure_chroot_dir, "/usr/share/empty", PATH, SERVER, DONE,                                        \
           "An empty directory that nobody can write to; it becomes the worker's root directory. If it "     \
           "is not there, the worker makes itself one that has no name.")                                    \
    BOOL(run_as_launching_user, false, SERVER, DONE,                                                         \
         "Run as the user who started the server, without any right of root. Then only that user's "         \
         "files are served, ports below 1024 are out of reach, and every session runs as that user. "        \
         "Started by root, sessions keep root's user id but no capability: they own root's files below "     \
         "their root directory (the kernel must have landlock), and local users cannot log in. "             \
         "allow_writeable_chroot is not asked.")                                                             \
    BOOL(one_process_model, false, SERVER, "sessions share three kinds of process",                          \
         "One process for each session.")                                                                    \
    BOOL(setproctitle_enable, false, SERVER, "a session has no process of its own; use 'sallyd who'",        \
         "Show the sessions in the list of processes.")                                                      \
    BOOL(isolate, true, SERVER, "the sandbox is always on", "Run sessions in name spaces of their own.")     \
    BOOL(isolate_network, true, SERVER,                                                                      \
         "the sandbox is always on: a process that opens files has no network",                              \
         "Run sessions in a network name space of their own.")                                               \
    BOOL(seccomp_sandbox, true, SERVER, "the sandbox is always on",                                          \
         "Let the processes that talk to clients and that open files use only the system calls they "        \
         "need.")                                                                                            \
    BOOL(ptrace_sandbox, false, SERVER, "the sandbox is seccomp, and always on",                             \
         "An older sandbox of vsftpd.")

#endif
