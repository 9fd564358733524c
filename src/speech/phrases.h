/* SPDX-License-Identifier: BSD-2-Clause */
/* The phrases of speech.h: SPEECH(name, English text). Words are %1$s, %2$s... in the order in which they are given, unless a comment
 * says more. Each .po of po/ has them in other languages, by name: a phrase that is added or changed here is added or changed there. */

SPEECH(VERBATIM, "%1$s")

/* Labels of the log. */
SPEECH(LABEL_STATUS, "Status:")
SPEECH(LABEL_COMMAND, "Command:")
SPEECH(LABEL_RESPONSE, "Response:")
SPEECH(LABEL_ERROR, "Error:")

/* The control channel. */
SPEECH(RESOLVING, "Resolving address of %1$s")
SPEECH(CONNECTING, "Connecting to %1$s...") /* address:port */
SPEECH(CONNECTED, "Connection established, waiting for welcome message...")
SPEECH(TLS_INITIALIZING, "Initializing TLS...")
SPEECH(TLS_VERIFYING, "Verifying certificate...")
SPEECH(TLS_ESTABLISHED, "TLS connection established (%1$s, %2$s).") /* protocol, cipher */
SPEECH(TLS_NOT_OFFERED, "The server does not offer TLS.")
SPEECH(LOGGED_IN, "Logged in")

/* The data channel. */
SPEECH(LIST_BEGINS, "Retrieving directory listing of \"%1$s\"...")
SPEECH(LIST_DONE, "Directory listing of \"%1$s\" successful")
SPEECH(GET_BEGINS, "Starting download of %1$s")
SPEECH(PUT_BEGINS, "Starting upload of %1$s")
SPEECH(TRANSFER_DONE, "File transfer successful, transferred %1$s bytes in %2$s seconds")
SPEECH(TRANSFER_RESUMES, "Resuming at byte %1$s")
SPEECH(ADDRESS_REPLACED,
       "The server names %1$s for data, from where nothing can be had. Using its own address %2$s instead.")
SPEECH(MODE_FAILED, "No data connection by %1$s: %2$s") /* EPSV, PASV, EPRT, PORT; why */
SPEECH(MODE_NEXT, "Trying %1$s instead.")
SPEECH(WRONG_PEER, "Ignoring a data connection from %1$s, which is not the server.")
SPEECH(TLS_NOT_RESUMED, "The data connection does not continue the TLS session of the control connection.")

/* Why something failed. */
SPEECH(TIMED_OUT, "Connection timed out after %1$s seconds of inactivity")
SPEECH(REFUSED, "Connection refused")
SPEECH(RESET, "Connection reset by the other side")
SPEECH(PROHIBITED, "No route, or prohibited by a firewall on the way")
SPEECH(CLOSED_EARLY, "The connection ended before the reply was complete")
SPEECH(SYSTEM, "%1$s") /* strerror(3) */
SPEECH(CANCELED, "Interrupted")
SPEECH(NO_ADDRESS, "No address is known for %1$s: %2$s")
SPEECH(REPLY_UNREADABLE, "The server's reply is none of FTP's")
SPEECH(REPLY_TOO_LONG, "The server's reply is longer than %1$s bytes")
SPEECH(REPLY_UNEXPECTED, "The server answers %1$s with: %2$s")
SPEECH(NO_PLAIN_PASSWORD,
       "The server offers no TLS, so the password would travel in clear. To send it all the same: --plain")
SPEECH(TLS_FORESTALLED,
       "The server went on in clear after it had agreed to TLS. Somebody may be between you and it.")
SPEECH(TLS_FAILED, "TLS handshake failed: %1$s")
SPEECH(TLS_SERVER_ENDED, "the server ended the connection")
SPEECH(TLS_NO_CERTIFICATE, "no certificate")
SPEECH(CERTIFICATE_UNKNOWN, "The certificate of %1$s is not trusted (%2$s). Its SHA-256 fingerprint is %3$s. "
                            "If that is the server's, "
                            "go on with: --fingerprint %3$s")
SPEECH(CERTIFICATE_CHANGED, "THE CERTIFICATE OF %1$s HAS CHANGED. It was %2$s and is %3$s. Somebody may be "
                            "between you and the server, or "
                            "the server has a new one. Nothing was sent. If its administrator says that it "
                            "is new: --fingerprint %3$s")
SPEECH(CERTIFICATE_OTHER, "The data connection ends at a certificate that is not the server's")
SPEECH(LOGIN_INCORRECT, "Login as %1$s failed: %2$s")
SPEECH(TOO_MANY, "The server has too many connections: %1$s")
SPEECH(LIST_LINE, "A line of the listing is not understood: %1$s")
SPEECH(LIST_TOO_LONG, "The folder has more entries than any that is meant")
SPEECH(LIST_FAILED, "Failed to retrieve directory listing")
SPEECH(REMOTE_REFUSED, "%1$s: the server says: %2$s")
SPEECH(BUSY_FILE, "%1$s: another sally is writing it")
SPEECH(LOCAL_FAILED, "%1$s: %2$s")
SPEECH(SIZE_DIFFERS, "%1$s: the server said %2$s bytes and %3$s came; what is there is kept as %4$s")
SPEECH(SIZE_SAID_DIFFERS, "%1$s: the server said %2$s bytes and %3$s came")
SPEECH(SIZE_AFTER_DIFFERS, "%1$s: %2$s bytes were sent, and the server has %3$s")
SPEECH(NO_RENAMING, "The server lets nobody rename: files are stored under their own names at once, also "
                    "those that will not become whole.")
SPEECH(PIECES_DIFFER,
       "%1$s: the pieces do not make up the file that the server has; begin anew without --continue")
SPEECH(RETRY_DELAY, "Delaying connection for %1$s seconds due to previously failed connection attempt...")
SPEECH(FEWER, "The server takes no more connections; going on with %1$s.")
SPEECH(NAME_OF_A_PART, "%1$s is left out: another file here is called so until all of it is there")
SPEECH(NAME_UNFIT, "%1$s: a name that no file of a folder can have; it is left out")
SPEECH(LINK_SKIPPED, "%1$s: a link, which is left out")
SPEECH(IN_THE_WAY, "%1$s: a file here is a folder there, or the other way round; it is left alone")
SPEECH(NO_DATA_CONNECTION, "No data connection could be made")
SPEECH(TLS_CUT, "The data connection's TLS ended without saying so: what came may not be all")

/* What a person is asked, and told at the end. */
SPEECH(ASK_TRUST, "The certificate of %1$s is not known (%2$s).\nIts SHA-256 fingerprint is %3$s.\nIs that "
                  "the server's, so that it is to be trusted from now on?")
SPEECH(ASK_PLAIN,
       "%1$s offers no TLS. Everybody on the way can read what is sent. Send the password all the same?")
SPEECH(ASK_PASSWORD, "Password for %1$s at %2$s: ")
SPEECH(NO_TERMINAL, "a password for %1$s at %2$s is needed, and there is no terminal to ask for it: "
                    "~/.netrc, --password-command CMD or --password-file FILE")
SPEECH(TLS_WAS_OFFERED,
       "%1$s has offered TLS before and does not now: somebody between may have taken it away, so it is not "
       "used without. If its administrator says that it has none any more, remove its line from %2$s")
SPEECH(MIRROR_WOULD, "would be: %1$s")
SPEECH(MIRROR_COUNT, "%1$s files copied, %2$s the same, %3$s deleted, %4$s left out, %5$s failed; %6$s bytes")

/* What sally says besides. */
#include "speech/sally.h"
/* What a firewall does to it. */
#include "speech/firewall.h"
/* What may be the cause of what does not work. */
#include "speech/doctor.h"
