/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_CONFIG_OPTIONS_FILES_H
#define SALLY_SERVER_CONFIG_OPTIONS_FILES_H

/* Options about files and transfers. What the columns mean: options.h. */
#define CONFIG_OPTIONS_FILES(BOOL, NUMBER, STRING)                                                           \
    BOOL(write_enable, false, SESSION, DONE,                                                                 \
         "Permit the commands that change files: STOR, DELE, RNFR, RNTO, MKD, RMD, APPE, STOU, SITE "        \
         "and MFMT. Without it nobody writes, whatever the options below say.")                              \
    BOOL(download_enable, true, SESSION, DONE, "Permit downloads.")                                          \
    BOOL(dirlist_enable, true, SESSION, DONE, "Permit listings of directories.")                             \
    BOOL(anon_upload_enable, false, SESSION, DONE,                                                           \
         "Permit anonymous users to upload; needs write_enable, too.")                                       \
    BOOL(anon_mkdir_write_enable, false, SESSION, DONE,                                                      \
         "Permit anonymous users to make directories; needs write_enable, too.")                             \
    BOOL(anon_other_write_enable, false, SESSION, DONE,                                                      \
         "Permit anonymous users to delete, rename and overwrite; needs write_enable, too.")                 \
    BOOL(anon_world_readable_only, true, SESSION, DONE,                                                      \
         "Anonymous users may download only files that everybody may read, so that uploads can be "          \
         "looked through before they are published.")                                                        \
    NUMBER(anon_umask, 077, 0, 0777, MODE, SESSION, DONE, "The umask for files that anonymous users make.")  \
    NUMBER(local_umask, 077, 0, 0777, MODE, SESSION, DONE,                                                   \
           "The umask for files that local and virtual users make.")                                         \
    NUMBER(file_open_mode, 0666, 0, 0777, MODE, SESSION, DONE,                                               \
           "The permissions of uploaded files, before the umask is taken off.")                              \
    BOOL(chown_uploads, false, SERVER, DONE,                                                                 \
         "Files that anonymous users upload are given to chown_username, or refused if they can't be. "      \
         "Needs root.")                                                                                      \
    STRING(chown_username, "root", NAME, SERVER, DONE,                                                       \
           "The new owner of anonymous uploads with chown_uploads.")                                         \
    NUMBER(chown_upload_mode, 0600, 0, 0777, MODE, SERVER, DONE,                                             \
           "The permissions of anonymous uploads with chown_uploads.")                                       \
    BOOL(chmod_enable, true, SESSION, DONE, "Permit SITE CHMOD to local users.")                             \
    BOOL(mdtm_write, true, SESSION, DONE,                                                                    \
         "Permit MDTM with a time, as some clients use it, and MFMT to set the modification time of a "      \
         "file.")                                                                                            \
    BOOL(lock_upload_files, true, SESSION, DONE,                                                             \
         "Hold a lock on a file while it is uploaded, so that two uploads to one name cannot mix.")          \
    BOOL(delete_failed_uploads, false, SESSION, DONE,                                                        \
         "An upload that ends before it was complete is deleted.")                                           \
    BOOL(atomic_uploads, false, SESSION, DONE,                                                               \
         "An upload appears under its name only when it is whole. Until then it has a name that no "         \
         "client sees, and what was there before stays. An upload that fails leaves nothing. APPE and "      \
         "resumed uploads are not covered: they write to the file that is there.")                           \
    BOOL(fsync_uploads, false, SESSION, DONE,                                                                \
         "Report an upload as complete (226) only after its content was written to the disk. Safer "         \
         "against power failure, and slower.")                                                               \
    NUMBER(anon_max_rate, 0, 0, 4294967295, RATE, SESSION, DONE,                                             \
           "The highest rate of a transfer of an anonymous user. 0: no limit.")                              \
    NUMBER(local_max_rate, 0, 0, 4294967295, RATE, SESSION, DONE,                                            \
           "The highest rate of a transfer of a local or virtual user. A virtual user's own rate takes "     \
           "precedence. 0: no limit.")                                                                       \
    NUMBER(trans_chunk_size, 0, 0, 4294967295, BYTES, SESSION,                                               \
           "the rate limit spreads evenly by itself, and the kernel chooses the pieces",                     \
           "The size of the pieces that a transfer is made in.")                                             \
    BOOL(use_sendfile, true, SESSION,                                                                        \
         "how bytes are moved is chosen for each transfer; sendfile is used where it is right",              \
         "Use sendfile(2) for downloads.")                                                                   \
    BOOL(ascii_upload_enable, false, SESSION, DONE,                                                          \
         "Honour TYPE A in uploads: CR LF becomes LF. Otherwise TYPE A is accepted and bytes are "           \
         "stored as they come, as in vsftpd.")                                                               \
    BOOL(ascii_download_enable, false, SESSION, DONE,                                                        \
         "Honour TYPE A in downloads: LF becomes CR LF. Otherwise bytes are sent as they are.")              \
    BOOL(async_abor_enable, false, SESSION, DONE,                                                            \
         "ABOR during a transfer, with or without the telnet signals and urgent data, is always "            \
         "understood; this option changes nothing.")                                                         \
    BOOL(ls_recurse_enable, false, SESSION, DONE, "Permit recursive listings (LIST -R).")                    \
    BOOL(force_dot_files, false, SESSION, DONE,                                                              \
         "Show names that begin with a dot even without LIST -a. The entries . and .. are not shown.")       \
    BOOL(hide_ids, false, SESSION, DONE, "Listings name ftp as the owner and group of every file.")          \
    BOOL(text_userdb_names, false, SESSION, DONE,                                                            \
         "Listings show owners and groups by name rather than by number.")                                   \
    BOOL(use_localtime, false, SESSION, DONE,                                                                \
         "Listings show the time in the server's time zone rather than GMT. MDTM and MLSD always "           \
         "answer in GMT, as RFC 3659 demands.")                                                              \
    STRING(hide_file, NULL, PATTERN, SESSION, DONE,                                                          \
           "Names that listings leave out, as in hide_file={*.mp3,.hidden,hide*,h?} . Who knows such a "     \
           "name can still use it.")                                                                         \
    STRING(deny_file, NULL, PATTERN, SESSION, DONE,                                                          \
           "Names that cannot be used in any way, as in deny_file={*.mp3,*.mov,.private} .")                 \
    BOOL(dirmessage_enable, false, SESSION, DONE,                                                            \
         "Show the content of message_file when a user enters a directory that has one, for the first "      \
         "time in the session.")                                                                             \
    STRING(message_file, ".message", PATH, SESSION, DONE, "The file that dirmessage_enable looks for.")

#endif
