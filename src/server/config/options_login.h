/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_CONFIG_OPTIONS_LOGIN_H
#define SALLY_SERVER_CONFIG_OPTIONS_LOGIN_H

/* Options about who may log in, and as whom. What the columns mean: options.h. */
#define CONFIG_OPTIONS_LOGIN(BOOL, NUMBER, STRING)                                                           \
    BOOL(anonymous_enable, true, SERVER, DONE,                                                               \
         "Permit anonymous logins: the names ftp and anonymous, with any password.")                         \
    STRING(ftp_username, "ftp", NAME, SERVER, DONE,                                                          \
           "The system user that anonymous sessions run as. Its home directory is their root, unless "       \
           "anon_root is set.")                                                                              \
    STRING(anon_root, NULL, PATH, SERVER, DONE, "The directory that anonymous users see as their root.")     \
    BOOL(no_anon_password, false, SERVER, DONE,                                                              \
         "Anonymous users are logged in without being asked for a password.")                                \
    BOOL(deny_email_enable, false, SERVER, DONE,                                                             \
         "Refuse anonymous logins whose password is listed in banned_email_file.")                           \
    STRING(banned_email_file, "/etc/vsftpd.banned_emails", PATH, SERVER, DONE,                               \
           "Anonymous passwords that are refused with deny_email_enable, one a line.")                       \
    BOOL(secure_email_list_enable, false, SERVER, DONE,                                                      \
         "Refuse anonymous logins unless the password is listed in email_password_file.")                    \
    STRING(email_password_file, "/etc/vsftpd.email_passwords", PATH, SERVER, DONE,                           \
           "Anonymous passwords that are accepted with secure_email_list_enable, one a line.")               \
    BOOL(local_enable, false, SERVER, DONE,                                                                  \
         "Permit the system's users to log in, with the password that PAM accepts.")                         \
    STRING(pam_service_name, "ftp", NAME, SERVER, DONE,                                                      \
           "The PAM service (a file in /etc/pam.d) that checks the passwords of local users.")               \
    BOOL(session_support, false, SERVER, DONE,                                                               \
         "Open a PAM session for each login of a local user and close it when the FTP session ends.")        \
    BOOL(check_shell, true, SERVER, DONE,                                                                    \
         "No effect, as in a vsftpd that is built with PAM: put pam_shells(8) into the PAM service to "      \
         "refuse local users "                                                                               \
         "whose login shell is not listed in /etc/shells.")                                                  \
    STRING(local_root, NULL, PATH, SESSION, DONE,                                                            \
           "The directory where local users start, instead of their home.")                                  \
    BOOL(chroot_local_user, false, SESSION, DONE,                                                            \
         "Local users see their home directory as the root and nothing above it.")                           \
    BOOL(chroot_list_enable, false, SESSION, DONE,                                                           \
         "Users listed in chroot_list_file are the exception: held in their home directories or, with "      \
         "chroot_local_user, not held there.")                                                               \
    STRING(chroot_list_file, "/etc/vsftpd.chroot_list", PATH, SESSION, DONE,                                 \
           "The users whom chroot_list_enable is about, one a line.")                                        \
    BOOL(passwd_chroot_enable, false, SESSION, DONE,                                                         \
         "With chroot_local_user, a home directory /srv/kim/./files in the password file means root "        \
         "/srv/kim, start in /files.")                                                                       \
    BOOL(allow_writeable_chroot, false, SESSION, DONE,                                                       \
         "Permit a user to write to the directory that is the root of the session. Otherwise such a "        \
         "login is refused, as in vsftpd.")                                                                  \
    BOOL(guest_enable, false, SESSION, DONE,                                                                 \
         "Each local user who is not anonymous becomes the system user guest_username after the "            \
         "password was accepted.")                                                                           \
    STRING(guest_username, "ftp", NAME, SESSION, DONE, "The system user that guests become.")                \
    BOOL(virtual_use_local_privs, false, SESSION, DONE,                                                      \
         "Guests and virtual users have the rights of local users rather than those of anonymous "           \
         "users.")                                                                                           \
    STRING(user_sub_token, NULL, TEXT, SESSION, DONE,                                                        \
           "This text, wherever it stands in local_root or in the home directory of guest_username, is "     \
           "replaced by the name of the user. As in user_sub_token=$USER with local_root=/srv/ftp/$USER "    \
           ".")                                                                                              \
    STRING(user_config_dir, NULL, PATH, SERVER, DONE,                                                        \
           "A directory with further configuration for single users, each in a file of the user's name, "    \
           "in the language of this page. It is read after the name is known and before the password is "    \
           "checked.")                                                                                       \
    BOOL(virtual_enable, false, SERVER, DONE,                                                                \
         "Permit the virtual users of accounts_file to log in. They need no system account: their "          \
         "files belong to guest_username. A name in the accounts file is never looked up among the "         \
         "system's users.")                                                                                  \
    STRING(accounts_file, "/var/lib/sallyd/accounts.db", PATH, SERVER, DONE,                                 \
           "The virtual users, with home, rights, rate and quota; managed with sallyd user (see "            \
           "sallyd(8)).")                                                                                    \
    BOOL(userlist_enable, false, SERVER, DONE,                                                               \
         "Consult userlist_file about a name before asking for the password, so that a refused user "        \
         "never sends one.")                                                                                 \
    BOOL(userlist_deny, true, SERVER, DONE,                                                                  \
         "With userlist_enable: the names in userlist_file are refused. NO: all others are.")                \
    STRING(userlist_file, "/etc/vsftpd.user_list", PATH, SERVER, DONE,                                       \
           "The names that userlist_enable is about, one a line.")                                           \
    NUMBER(max_login_fails, 3, 1, 1000, COUNT, SERVER, DONE,                                                 \
           "After so many failed logins the session ends.")                                                  \
    NUMBER(delay_failed_login, 1, 0, 3600, SECONDS, SERVER, DONE,                                            \
           "How long the server waits before it reports a failed login. Other sessions do not wait.")        \
    NUMBER(delay_successful_login, 0, 0, 3600, SECONDS, SESSION, DONE,                                       \
           "How long the server waits before it reports a successful login.")                                \
    BOOL(tilde_user_enable, false, SESSION,                                                                  \
         "looking up other users' homes would need the password file inside the session's root",             \
         "Understand paths such as ~kim/file.")                                                              \
    STRING(ftpd_banner, NULL, TEXT, SERVER, DONE, "The greeting, instead of the server's own.")              \
    STRING(banner_file, NULL, PATH, SERVER, DONE,                                                            \
           "A file whose content is the greeting, as it is when a session begins; it takes precedence over " \
           "ftpd_banner.")                                                                                   \
    STRING(cmds_allowed, NULL, LIST, SESSION, DONE,                                                          \
           "The only FTP commands that are accepted, separated by commas, as in PASV,RETR,QUIT .")           \
    STRING(cmds_denied, NULL, LIST, SESSION, DONE,                                                           \
           "FTP commands that are refused, separated by commas. A command that is listed here and in "       \
           "cmds_allowed is refused.")

#endif
