<?php
# SPDX-License-Identifier: BSD-2-Clause
# PHP's ftp_*, told by lines of TAB-separated words what to do: HOST PORT USER PASSWORD passive|active clear|AUTH <LINES
[, $host, $port, $user, $password, $mode, $tls] = $argv;
$connect = $tls == 'AUTH' ? 'ftp_ssl_connect' : 'ftp_connect';
$ftp = $connect($host, (int)$port, 10) or exit("no connection\n");
ftp_login($ftp, $user, $password) or exit(1);
ftp_pasv($ftp, $mode == 'passive') or exit(1);

function fetch_names($ftp, $what) {
    $names = ftp_nlist($ftp, $what);
    foreach ($names ?: [] as $name)
        if (!ftp_get($ftp, preg_replace('#.*/#', '', $name), $name, FTP_BINARY))
            return false;
    return $names !== false;
}

function show($lines) {
    echo implode("\n", $lines ?: []), "\n";
    return $lines !== false;
}

$does = [
    'list' => fn($name) => show(ftp_rawlist($ftp, $name)),
    'get' => fn($remote, $local) => ftp_get($ftp, $local, $remote, FTP_BINARY),
    'resume' => fn($remote, $local, $at) => ftp_get($ftp, $local, $remote, FTP_BINARY, (int)$at),
    'put' => fn($remote, $local) => ftp_put($ftp, $remote, $local, FTP_BINARY),
    'gettext' => fn($remote, $local) => ftp_get($ftp, $local, $remote, FTP_ASCII),
    'puttext' => fn($remote, $local) => ftp_put($ftp, $remote, $local, FTP_ASCII),
    'mkdir' => fn($name) => ftp_mkdir($ftp, $name),
    'rename' => fn($from, $to) => ftp_rename($ftp, $from, $to),
    'delete' => fn($name) => ftp_delete($ftp, $name),
    'rmdir' => fn($name) => ftp_rmdir($ftp, $name),
    'names' => fn($name) => fetch_names($ftp, $name),
    'mget' => fn($name) => fetch_names($ftp, $name),
];
while (($line = fgets(STDIN)) !== false) {
    $names = explode("\t", rtrim($line, "\n"));
    $verb = array_shift($names);
    if ($does[$verb](...$names) === false) {
        echo "$verb failed\n";
        exit(1);
    }
}
ftp_close($ftp);
