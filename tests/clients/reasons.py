# SPDX-License-Identifier: BSD-2-Clause
"""Why the two servers differ where they do, or a client fails at both: (client, case, reason), the first that fits."""
import fnmatch

REASONS = [
    ("aria2", "small files", "it waits for ever for a 226 that it has read in one piece with the 150"),
    ("ncftp", "links", "it reads MLSD where a server has it, and does not know RFC 3659's OS.unix=slink there"),
    ("Python ftplib", "* mirror", "it reads MLSD, which vsftpd does not have"),
    ("Python ftplib", "mirror", "it reads MLSD, which vsftpd does not have"),
    ("Python ftplib", "links", "it reads MLSD, which vsftpd does not have"),
    ("Java commons-net", "0xFF*", "our driver reads names as UTF-8"),
    ("Java commons-net", "links", "it does not take a link in MLSD for a file"),
    ("Java commons-net", "*", "it reads MLSD, which vsftpd does not have"),
    ("basic-ftp", "links", "it leaves links out of a mirror"),
    ("basic-ftp", "0xFF*", "it takes names for UTF-8"),
    ("jsftp", "0xFF*", "it takes names for UTF-8"),
    ("lftp", "0xFF*", "it doubles 0xFF as telnet has it, which vsftpd takes for two bytes"),
    ("gftp-text", "0xFF*", "it takes names for UTF-8"),
    ("axel", "*", "it does not decode the %XX of a URL"),
]


def reason(client, case):
    return next((text for who, what, text in REASONS if fnmatch.fnmatch(client, who) and fnmatch.fnmatchcase(case, what)), "")
