# SPDX-License-Identifier: BSD-2-Clause
# Tcllib's ftp, told by lines of TAB-separated words what to do: HOST PORT USER PASSWORD passive|active <LINES
package require ftp

lassign $argv host port user password mode
encoding system iso8859-1 ;# names are bytes
fconfigure stdin -encoding iso8859-1
set ftp::VERBOSE 0
set conn [ftp::Open $host $user $password -port $port -mode $mode -timeout 10]
if {$conn < 0} { exit 1 }
ftp::Type $conn binary

proc fetch_names {what} {
    global conn
    set names [ftp::NList $conn $what]
    foreach name $names {
        if {![ftp::Get $conn $name [file tail $name]]} { return 0 }
    }
    return [llength $names]
}

proc do {verb {a ""} {b ""} args} {
    global conn
    switch $verb {
        list { puts [join [ftp::List $conn $a] \n]; return 1 }
        get { return [ftp::Get $conn $a $b] }
        resume { return [ftp::Reget $conn $a $b] }
        put { return [ftp::Put $conn $b $a] }
        gettext { ftp::Type $conn ascii; return [ftp::Get $conn $a $b] }
        puttext { ftp::Type $conn ascii; return [ftp::Put $conn $b $a] }
        mkdir { return [ftp::MkDir $conn $a] }
        rename { return [ftp::Rename $conn $a $b] }
        delete { return [ftp::Delete $conn $a] }
        rmdir { return [ftp::RmDir $conn $a] }
        default { return [fetch_names $a] }
    }
}

while {[gets stdin line] >= 0} {
    if {![do {*}[split $line \t]]} { puts "$line: failed"; exit 1 }
}
ftp::Close $conn
