# SPDX-License-Identifier: BSD-2-Clause
"""Why the two servers differ where they do, or a client fails at both: (client, way, case, reason), the first that fits."""
import fnmatch

REASONS = [
    ("Python ftplib", "*TLS*", "*", "it can't continue a TLS session (python/cpython#63699), which require_ssl_reuse wants"),
    ("Java commons-net", "*TLS*", "*", "its FTPSClient continues no TLS session, which require_ssl_reuse wants"),
    ("gftp-text", "*", "empty", "it does not fetch an empty file"),
    ("wput", "*TLS*", "*", "it continues no TLS session, which require_ssl_reuse wants"),
    ("Perl Net::FTP", "passive *TLS*", "*", "in passive mode it continues no TLS session, which require_ssl_reuse wants"),
    ("aria2", "*", "small files", "it waits for ever for a 226 that it has read in one piece with the 150"),
    ("ncftp", "*", "links", "it reads MLSD where a server has it, and does not know RFC 3659's OS.unix=slink there"),
    ("Python ftplib", "*", "* mirror", "it reads MLSD, which vsftpd does not have"),
    ("Python ftplib", "*", "mirror", "it reads MLSD, which vsftpd does not have"),
    ("Python ftplib", "*", "links", "it reads MLSD, which vsftpd does not have"),
    ("Java commons-net", "*", "0xFF*", "our driver reads names as UTF-8"),
    ("Java commons-net", "*", "links", "it does not take a link in MLSD for a file"),
    ("Java commons-net", "*", "*", "it reads MLSD, which vsftpd does not have"),
    ("basic-ftp", "*", "links", "it leaves links out of a mirror"),
    ("basic-ftp", "*", "0xFF*", "it takes names for UTF-8"),
    ("jsftp", "*", "0xFF*", "it takes names for UTF-8"),
    ("lftp", "*", "0xFF*", "it doubles 0xFF as telnet has it, which vsftpd takes for two bytes"),
    ("gftp-text", "*", "0xFF*", "it takes names for UTF-8"),
    ("axel", "*", "*", "it does not decode the %XX of a URL"),
]


# Why vsftpd alone fails: no excuse for us.
VSFTPDS = [
    ("rclone", "*TLS*", "*", "vsftpd ends the data channel without close_notify"),
    ("*", "*TLS*", "*", "vsftpd 3.0.3 answers 426 or 522 to some transfers that continue a session, to uploads mostly"),
]
# What fails by chance, at either server, so that it is no failure: (client, way, case).
CHANCE = [
    ("basic-ftp", "*", "*empty"),
]


def fits(words, row):
    return all(map(fnmatch.fnmatchcase, words, row))


def reason(*words):
    """Of a client's name, a way's and a case's."""
    return next((row[3] for row in REASONS if fits(words, row)), "")


def vsftpds_reason(*words):
    return next((row[3] for row in VSFTPDS if fits(words, row)), "")


def is_chance(*words):
    return any(fits(words, row) for row in CHANCE)
