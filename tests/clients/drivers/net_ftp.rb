# SPDX-License-Identifier: BSD-2-Clause
# Ruby's net/ftp, told by lines of TAB-separated words what to do: HOST PORT USER PASSWORD passive|active clear|AUTH <LINES
require 'net/ftp'

$stdin.binmode # names are bytes
host, port, user, password, mode, tls = ARGV
ssl = tls == 'AUTH' && { verify_mode: OpenSSL::SSL::VERIFY_NONE }
ftp = Net::FTP.new(nil, passive: mode == 'passive', ssl: ssl, open_timeout: 10, read_timeout: 10)
ftp.connect(host, port.to_i)
ftp.login(user, password)

fetch = lambda { |names| names.each { |name| ftp.getbinaryfile(name, File.basename(name)) } }
does = {
  'list' => ->(name) { puts ftp.list(name) },
  'get' => ->(remote, local) { ftp.getbinaryfile(remote, local) },
  'resume' => lambda { |remote, local, _|
    ftp.resume = true
    ftp.getbinaryfile(remote, local)
  },
  'put' => ->(remote, local) { ftp.putbinaryfile(local, remote) },
  'gettext' => ->(remote, local) { ftp.gettextfile(remote, local) },
  'puttext' => ->(remote, local) { ftp.puttextfile(local, remote) },
  'mkdir' => ->(name) { ftp.mkdir(name) },
  'rename' => ->(from, to) { ftp.rename(from, to) },
  'delete' => ->(name) { ftp.delete(name) },
  'rmdir' => ->(name) { ftp.rmdir(name) },
  'names' => ->(name) { fetch.call(ftp.nlst(name)) },
  'mget' => ->(name) { fetch.call(ftp.nlst(name)) }
}
$stdin.each_line(chomp: true) do |line|
  verb, *names = line.split("\t")
  does.fetch(verb).call(*names)
end
ftp.quit
