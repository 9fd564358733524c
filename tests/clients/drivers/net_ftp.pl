# SPDX-License-Identifier: BSD-2-Clause
# Net::FTP, told by lines of TAB-separated words what to do: HOST PORT USER PASSWORD passive|active clear|AUTH|implicit <LINES
use strict;
use warnings;
use Net::FTP;

my ($host, $port, $user, $password, $mode, $tls) = @ARGV;
my $ftp = Net::FTP->new($host, Port => $port, Passive => $mode eq 'passive', Timeout => 10,
                        SSL => $tls eq 'implicit', SSL_verify_mode => 0) or die "no connection: $@\n";
$tls ne 'AUTH' or $ftp->starttls or die 'AUTH: ' . $ftp->message;

sub fetch_all { # each name as the server gave it
    for my $name (@_) {
        $ftp->get($name, $name =~ s{.*/}{}r) or return 0;
    }
    return 1;
}

my %does = (
    list   => sub { my $lines = $ftp->dir($_[0]) or return 0; print "$_\n" for @$lines; 1 },
    get    => sub { $ftp->get($_[0], $_[1]) },
    resume => sub { $ftp->get($_[0], $_[1], $_[2]) },
    put    => sub { $ftp->put($_[1], $_[0]) },
    gettext => sub { $ftp->ascii; $ftp->get($_[0], $_[1]) },
    puttext => sub { $ftp->ascii; $ftp->put($_[1], $_[0]) },
    mkdir  => sub { $ftp->mkdir($_[0]) },
    rename => sub { $ftp->rename($_[0], $_[1]) },
    delete => sub { $ftp->delete($_[0]) },
    rmdir  => sub { $ftp->rmdir($_[0]) },
    names  => sub { fetch_all($ftp->ls($_[0])) },
    mget   => sub { fetch_all($ftp->ls($_[0])) },
);

$ftp->login($user, $password) or die 'login: ' . $ftp->message;
$ftp->binary;
while (my $line = <STDIN>) {
    chomp $line;
    my ($verb, @names) = split /\t/, $line;
    $does{$verb}->(@names) or die "$verb @names: " . $ftp->code . ' ' . $ftp->message;
}
$ftp->quit;
