#!/usr/bin/env escript
%% SPDX-License-Identifier: BSD-2-Clause
%% Erlang's ftp, told by lines of TAB-separated words what to do: HOST PORT USER PASSWORD passive|active
%% clear|AUTH|implicit <LINES

main([Host, Port, User, Password, Mode, Tls]) ->
    {ok, _} = application:ensure_all_started(ftp),
    Family = case lists:member($:, Host) of true -> inet6; false -> inet end,
    {ok, Ftp} = ftp:open(Host, [{port, list_to_integer(Port)}, {mode, list_to_atom(Mode)}, {timeout, 10000}, {ipfamily, Family} | tls(Tls)]),
    ok = ftp:user(Ftp, User, Password),
    ok = ftp:type(Ftp, binary),
    io:setopts([{binary, true}, {encoding, latin1}]),
    each_line(Ftp),
    ftp:close(Ftp).

tls("clear") -> [];
tls(How) ->
    {ok, _} = application:ensure_all_started(ssl),
    Method = case How of "AUTH" -> ftpes; "implicit" -> ftps end,
    [{tls, [{verify, verify_none}, {session_tickets, auto}]}, {tls_sec_method, Method}, {tls_ctrl_session_reuse, true}].

%% Names are lists of bytes, as they stand in the line.
each_line(Ftp) ->
    case file:read_line(standard_io) of
        {ok, Line} ->
            [Verb | Names] = string:split(string:trim(binary_to_list(Line), trailing, "\n"), "\t", all),
            ok = do(Verb, Ftp, Names),
            each_line(Ftp);
        eof -> ok
    end.

do("list", Ftp, [Name]) ->
    {ok, Text} = ftp:ls(Ftp, Name),
    io:put_chars(Text);
do("get", Ftp, [Remote, Local]) -> ftp:recv(Ftp, Remote, Local);
do("put", Ftp, [Remote, Local]) -> ftp:send(Ftp, Local, Remote);
do("gettext", Ftp, [Remote, Local]) ->
    ok = ftp:type(Ftp, ascii),
    ftp:recv(Ftp, Remote, Local);
do("puttext", Ftp, [Remote, Local]) ->
    ok = ftp:type(Ftp, ascii),
    ftp:send(Ftp, Local, Remote);
do("mkdir", Ftp, [Name]) -> ftp:mkdir(Ftp, Name);
do("rename", Ftp, [From, To]) -> ftp:rename(Ftp, From, To);
do("delete", Ftp, [Name]) -> ftp:delete(Ftp, Name);
do("rmdir", Ftp, [Name]) -> ftp:rmdir(Ftp, Name);
do(_, Ftp, [Pattern]) ->
    {ok, Text} = ftp:nlist(Ftp, Pattern),
    Names = string:tokens(Text, "\r\n"),
    lists:foreach(fun(Name) -> ok = ftp:recv(Ftp, Name, filename:basename(Name)) end, Names).
