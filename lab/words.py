# SPDX-License-Identifier: BSD-2-Clause
"""What the lab says, in English and in Korean, side by side."""
import os

WORDS = {
    # --- the command line
    "USAGE": (
        "usage: sudo ./run lab [options]\n\n"
        "Plays a guide to FTP behind iptables, row by row, with real firewalls, a real server and a real client in\n"
        "network namespaces of their own, and compares what happens with what is known of today's Linux.\n",
        "사용법: sudo ./run lab [옵션]\n\n"
        "iptables 뒤의 FTP를 다룬 안내서를 한 단계씩 재현합니다. 별도의 네트워크 네임스페이스에서 진짜 방화벽, 서버,\n"
        "클라이언트를 돌려 보고, 그 결과를 오늘날의 Linux에서 알려진 결과와 비교합니다.\n"),
    "OPTIONS": (
        "  --rows 4,8        only these rows: 0 to 9, and g, with a gateway in between\n"
        "  --wall SIDE       kernel (its iptables), sallywall, or both (the default)\n"
        "  --server NAME     sallyd (the default) or vsftpd\n"
        "  --file SIZE       of the file that is moved where FTP works (4M); the guide's has 3972005888 bytes\n"
        "  --patience SECS   until a connection is given up (2); the guide's client waits 20\n"
        "  --lang en|ko      the language of all that is said (the locale's)\n"
        "  --html FILE       also writes it all into one page, with diagrams\n"
        "  -h, --help        prints this\n\n"
        "Exit status: 0 if every row came out as it should, 1 if one did not, 2 for a wrong command line.\n",
        "  --rows 4,8        지정한 단계만 실행: 0~9와 g(중간에 게이트웨이가 있는 경우)\n"
        "  --wall 대상       kernel(커널의 iptables), sallywall, both(둘 다, 기본값)\n"
        "  --server 이름     sallyd(기본값) 또는 vsftpd\n"
        "  --file 크기       FTP가 되는 단계에서 주고받을 파일의 크기(4M), 안내서의 파일은 3972005888바이트\n"
        "  --patience 초     연결을 포기할 때까지 기다리는 시간(2), 안내서의 클라이언트는 20초\n"
        "  --lang en|ko      표시할 언어(기본값은 로캘의 언어)\n"
        "  --html 파일       전체 내용을 그림과 함께 한 페이지로도 저장\n"
        "  -h, --help        이 도움말 표시\n\n"
        "종료 상태: 모든 단계가 예상과 같으면 0, 하나라도 다르면 1, 명령줄이 잘못되면 2\n"),
    "WRONG_OPTION": ("lab: there is no option {0}", "lab: {0} 옵션은 없습니다"),
    "WANTS_VALUE": ("lab: {0} wants a value", "lab: {0}에는 값이 필요합니다"),
    "WRONG_VALUE": ("lab: {0} {1}: one of these is wanted: {2}", "lab: {0} {1}: 다음 중 하나여야 합니다: {2}"),
    "WRONG_NUMBER": ("lab: {0} {1}: a number from {2} to {3} is wanted", "lab: {0} {1}: {2}부터 {3}까지의 숫자여야 합니다"),
    "NEEDS_ROOT": ("lab: network namespaces and firewalls take root: sudo ./run lab",
                   "lab: 네트워크 네임스페이스와 방화벽을 만들려면 루트 권한이 필요합니다: sudo ./run lab"),
    "NO_PROGRAM": ("lab: there is no {0}; ./run build makes it", "lab: {0} 파일이 없습니다. ./run build로 만들 수 있습니다"),
    "NO_VSFTPD": ("lab: there is no vsftpd below {0}; sh bench/peers.sh unpacks one there",
                  "lab: {0} 아래에 vsftpd가 없습니다. sh bench/peers.sh로 그곳에 풀 수 있습니다"),
    "NO_SPACE": ("lab: {0} has room for {1:,} bytes; {2:,} are needed, for the file and its copy",
                 "lab: {0}의 남은 공간은 {1:,}바이트인데, 파일과 사본을 위해 {2:,}바이트가 필요합니다"),
    "NO_FILE": ("lab: {0} can't be written: {1}", "lab: {0} 파일을 쓸 수 없습니다: {1}"),
    "INTERRUPTED": ("lab: interrupted; nothing is left of it", "lab: 중단되었으며, 남은 것은 없습니다"),
    "FAILED": ("lab: {0}", "lab: {0}"),
    # --- the frame
    "TITLE": ("FTP behind iptables: a guide of 2017, today", "iptables 뒤의 FTP: 2017년의 안내서를 오늘 다시"),
    "INTRO": (
        "A guide of 2017 opens a firewall for FTP, one step after the other. Here it is done again, on Linux {0}: the client is "
        "192.168.0.2, the server 192.168.0.18 runs {1}, and each is a network namespace that ends with this program. Every command "
        "is carried out, and every outcome is measured. Each row begins with the rules of row 0 and types only what is shown.",
        "2017년의 한 안내서는 FTP를 위해 방화벽을 한 단계씩 엽니다. 여기서는 그것을 Linux {0}에서 다시 해 봅니다. 클라이언트는 "
        "192.168.0.2이고, 서버 192.168.0.18에서는 {1}가 동작하며, 각각은 이 프로그램과 함께 사라지는 네트워크 네임스페이스입니다. 모든 명령은 "
        "실제로 실행되고 모든 결과는 실제로 측정한 것입니다. 각 단계는 0단계의 규칙에서 시작하며, 표시된 명령만 입력합니다."),
    "WARNING": (
        "The guide warns its readers, and it is right: never try rules first on a server that people use. A lab is for that.",
        "안내서의 경고는 지금도 옳습니다. 서비스 중인 서버에 규칙을 먼저 시험하지 마십시오. 그런 시험은 실습 환경에서 해야 합니다."),
    "ROW": ("Row {0}: {1}", "{0}단계: {1}"),
    "KERNEL": ("The kernel's iptables", "커널의 iptables"),
    "SALLYWALL": ("sallywall in its place", "iptables 대신 sallywall"),
    "GUIDE": ("The guide", "안내서"),
    "WHY": ("Why", "이유"),
    "TODAY": ("Then and today", "그때와 지금"),
    "ON_THE_WALL": ("With sallywall", "sallywall에서는"),
    "RULES_OF_ROW_0": ("from here on: row 0's rules, and what is typed now", "0단계의 규칙에 다음 명령을 더함"),
    "EDITED": ("{0}, edited:", "{0} 수정:"),
    "RESTARTED": ("The server is started again with it.", "이 설정으로 서버를 다시 시작합니다."),
    "SERVER_SAYS": ("{0} says when it starts:", "{0} 시작 메시지:"),
    "DOORS_SEEN": ("the doors, as they came and went ({0}):", "문이 열리고 닫힌 기록({0}):"),
    "DOORS_WHY": (
        "A door is for one client, one port and one connection. It is opened when the port is promised, again when the command comes, so that it "
        "has its full time, and under TLS once more until it is proven that who came is this client.",
        "문 하나는 클라이언트 하나, 포트 하나, 연결 하나를 위한 것입니다. 포트를 약속할 때 열고, 명령이 오면 시간을 다시 주기 위해 새로 열며, TLS에서는 접속한 쪽이 "
        "그 클라이언트임이 증명될 때까지 한 번 더 엽니다."),
    "AS_ABOVE": ("(begins as a log above)", "(앞부분은 위의 로그와 같음)"),
    "LOG_PASSIVE": ("The client's log, passive mode", "클라이언트의 로그, 수동형(passive) 모드"),
    "LOG_ACTIVE": ("The client's log, active mode", "클라이언트의 로그, 능동형(active) 모드"),
    "LOG_LOGIN": ("The client's log", "클라이언트의 로그"),
    "PASSIVE": ("passive", "수동형"),
    "ACTIVE": ("active", "능동형"),
    "LOGIN": ("login", "로그인"),
    "WORKS": ("works", "동작함"),
    "TIMES_OUT": ("login works, then it times out", "로그인은 되지만 시간 초과"),
    "NO_LOGIN": ("no login: it times out", "로그인 불가(시간 초과)"),
    "WORKS_SHORT": ("works", "동작"),
    "TIMES_OUT_SHORT": ("times out", "시간 초과"),
    "NO_LOGIN_SHORT": ("no login", "로그인 불가"),
    "OTHER": ("something else: exit status {0} after {1} s", "다른 결과: {1}초 뒤 종료 상태 {0}"),
    "FILE_DIFFERS": ("the file came back as another one", "되돌아온 파일이 원본과 다름"),
    "MOVED": ("up and down: {0:,} bytes in {1} s and {2} s, and what came back is what was sent",
              "업로드와 다운로드: {0:,}바이트를 각각 {1}초, {2}초에 전송, 되돌아온 내용은 보낸 것과 같음"),
    "AS_EXPECTED": ("as expected", "예상과 같음"),
    "NOT_AS_EXPECTED": ("EXPECTED: {0}", "예상: {0}"),
    "EXPLAIN": ("What sallywall explain says of these rules, {0} mode:", "이 규칙에 대한 sallywall explain의 설명({0} 모드):"),
    "EXPLAIN_DOORS": (
        "So it is for a server without doors. With those of this one, sallywall explain --server-config sallyd.conf:",
        "문을 열지 않는 서버라면 그렇습니다. 이 서버의 문까지 고려하면(sallywall explain --server-config sallyd.conf):"),
    "SALLYD_HERE": ("vsftpd has no doors: in this row sallyd takes its place.", "vsftpd는 문을 열 수 없으므로 이 단계에서는 sallyd를 사용합니다."),
    "DIAGRAM": ("Packet by packet, as sallywall explain draws it", "sallywall explain이 그린 패킷별 경로"),
    "SUMMARY": ("What came out", "결과"),
    "COLUMN_ROW": ("row", "단계"),
    "COLUMN_OPEN": ("what is open", "열린 것"),
    "ALL_RIGHT": ("All {0} outcomes are as today's truth table has them.", "결과 {0}건 모두 오늘날의 진리표와 같습니다."),
    "SOME_WRONG": ("{0} of {1} outcomes are not as today's truth table has them:", "결과 {1}건 가운데 {0}건이 오늘날의 진리표와 다릅니다:"),
    "WRONG_ONE": ("row {0}, {1}, {2}: {3}; expected: {4}", "{0}단계, {1}, {2}: {3}, 예상: {4}"),
    "NO_WALL": (
        "sallywall can't be put up here, so its side is not played (--wall kernel leaves it out):",
        "여기서는 sallywall을 올릴 수 없어 그쪽은 실행하지 않습니다(--wall kernel을 쓰면 제외됨):"),
    "PAGE_WRITTEN": ("The page is in {0}.", "페이지를 {0}에 저장했습니다."),
    "FOOTER": (
        "Made by sudo ./run lab of Sallyport: every command, listing and log on this page is real, and none is written by hand.",
        "Sallyport의 sudo ./run lab이 만든 페이지입니다. 이 페이지의 명령, 목록, 로그는 모두 실제 실행 결과이며 손으로 쓴 것이 아닙니다."),
    # --- the rows
    "0_TITLE": ("everything is shut but what the administrator needs", "관리에 필요한 것만 빼고 모두 차단"),
    "0_OPEN": ("nothing for FTP", "FTP용은 없음"),
    "0_GUIDE": (
        "It begins with a server that drops whatever comes to its address, except ssh from 192.168.0.2 and all that comes from "
        "192.168.0.1 and 8.8.8.8. What goes out is not looked at.",
        "192.168.0.2에서 오는 ssh와 192.168.0.1, 8.8.8.8에서 오는 것을 제외하고, 서버의 주소로 들어오는 모든 것을 버리는 상태에서 시작합니다. "
        "나가는 것은 검사하지 않습니다."),
    "0_WHY": (
        "The first packet to port 21 meets the DROP, and nothing is answered; so the client waits until it gives up. A firewall "
        "that rejects would answer at once: a time-out is the mark of one that drops.",
        "21번 포트로 가는 첫 패킷이 DROP 규칙에 걸리고 아무 응답도 없으므로, 클라이언트는 포기할 때까지 기다립니다. 거부(REJECT)하는 "
        "방화벽이라면 곧바로 응답합니다. 시간 초과는 버리는(DROP) 방화벽의 특징입니다."),
    "1_TITLE": ("port 21, for the control channel", "제어 채널을 위한 21번 포트"),
    "1_OPEN": ("21", "21"),
    "1_GUIDE": (
        "A rule in front of the others admits port 21. Then it logs in; it reports that a listing comes in active mode, and times "
        "out in passive mode.",
        "맨 앞에 21번 포트를 허용하는 규칙을 넣습니다. 그러자 로그인이 되며, 디렉터리 목록이 능동형 모드에서는 조회되고 수동형 모드에서는 시간 초과가 된다고 합니다."),
    "1_WHY": (
        "A listing travels over a second connection. Passive: the client goes to a port that the server has just made up, and that is "
        "shut. Active: the server goes from its port 20 to the client, and the client's answer, the SYN ACK, comes back to port 20, "
        "which is shut as well.",
        "목록은 두 번째 연결로 전송됩니다. 수동형에서는 서버가 방금 정한 포트로 클라이언트가 접속하는데 그 포트는 닫혀 있습니다. 능동형에서는 서버가 "
        "20번 포트에서 클라이언트로 접속하고 클라이언트의 응답(SYN ACK)이 20번 포트로 돌아오는데, 그 포트도 닫혀 있습니다."),
    "1_TODAY": (
        "Here the guide is mistaken, and no kernel has changed: an active listing cannot come before port 20 is open. That "
        "the server's SYN gets out is not enough; no byte moves before its answer has come back. Its own log of an upload, a step later, "
        "shows this very LIST timing out. What it saw was perhaps a listing that the client still had.",
        "이 부분은 커널이 바뀐 것이 아니라 안내서가 잘못 본 것입니다. 20번 포트를 열기 전에는 능동형으로 목록을 받을 수 없습니다. 서버의 SYN이 "
        "나가는 것만으로는 부족하며, 그 응답이 돌아오기 전에는 한 바이트도 전송되지 않습니다. 다음 단계에 나오는 안내서의 업로드 로그에서도 바로 이 "
        "LIST가 시간 초과됩니다. 클라이언트가 이전에 받아 둔 목록을 보았을 가능성이 있습니다."),
    "2_TITLE": ("port 20 too, for active mode", "능동형 모드를 위해 20번 포트도 허용"),
    "2_OPEN": ("21 and 20", "21, 20"),
    "2_GUIDE": (
        "A second rule admits port 20, and then its upload and download of 3,972,005,888 bytes go through in active mode, in 165 and "
        "186 seconds.",
        "20번 포트를 허용하는 규칙을 더하자, 능동형 모드에서 3,972,005,888바이트 파일의 업로드와 다운로드가 각각 165초와 186초 만에 끝났습니다."),
    "2_WHY": (
        "What comes to port 20 is the answer to connections that the server itself has begun, so active mode works. It needs clients that "
        "can be reached: one behind NAT or a firewall of its own can't. Passive mode is shut as before.",
        "20번 포트로 들어오는 것은 서버가 시작한 연결에 대한 응답이므로 능동형이 동작합니다. 다만 클라이언트에 접속할 수 있어야 하므로, NAT나 방화벽 "
        "뒤에 있는 클라이언트는 안 됩니다. 수동형은 여전히 막혀 있습니다."),
    "3_TITLE": ("a range of passive ports, in the server and in the firewall", "서버와 방화벽에 수동형 포트 범위 지정"),
    "3_OPEN": ("21 and 10090:10100, the server's range", "21, 서버의 포트 범위 10090:10100"),
    "3_GUIDE": (
        "Three lines in vsftpd.conf keep passive connections to ports 10090 to 10100, after a restart of the server; a rule opens these.",
        "vsftpd.conf에 세 줄을 넣고 서버를 다시 시작해 수동형 연결을 10090~10100번 포트로 제한하고, 그 범위를 규칙으로 엽니다."),
    "3_WHY": (
        "The client is told a port that is open, so passive mode works. But nobody asks whose connection it is: eleven ports are open "
        "to everybody, all the time. Port 20 is not opened in this row, so active mode times out.",
        "클라이언트가 안내받는 포트가 열려 있으므로 수동형이 동작합니다. 그러나 누구의 연결인지는 확인하지 않으므로, 포트 11개가 누구에게나 항상 열려 있습니다. "
        "이 단계에서는 20번 포트를 열지 않으므로 능동형은 시간 초과가 됩니다."),
    "4_TITLE": ("connection states, as in 2017", "2017년 방식의 연결 상태 추적"),
    "4_OPEN": ("21, and ESTABLISHED,RELATED for 1024:65534", "21, 1024:65534의 ESTABLISHED,RELATED"),
    "4_GUIDE": (
        "Its other way: the module nf_conntrack_ftp reads along on port 21, and a rule admits what it has announced: RELATED connections "
        "to ports 1024 to 65534. In its log the listing comes. (It calls modprobe; that is left out here, as modules are of the whole "
        "machine, and would change nothing.)",
        "또 다른 방법으로, nf_conntrack_ftp 모듈이 21번 포트의 대화를 읽고 규칙은 그 모듈이 예고한 연결, 곧 1024~65534번 포트로 오는 RELATED 연결을 "
        "허용합니다. 안내서의 로그에서는 목록 조회에 성공합니다. (안내서는 modprobe를 실행하지만 여기서는 생략합니다. 모듈은 시스템 전체에 영향을 주며, "
        "결과를 바꾸지도 않습니다.)"),
    "4_WHY": (
        "Nobody reads along. The control connection has no helper, so nothing is announced: the data connection is NEW, not RELATED, and "
        "meets the DROP.",
        "대화를 읽는 것이 없습니다. 제어 연결에 헬퍼가 붙어 있지 않아 아무것도 예고되지 않으므로, 데이터 연결은 RELATED가 아니라 NEW 상태로 DROP 규칙에 걸립니다."),
    "4_TODAY": (
        "This row worked when the guide was written: with the module loaded, the helper attached itself to port 21. Since Linux 4.7 it "
        "does so no more unless it is told to, and since 6.0 it can't be told: its switch, shown above, is gone. Whoever follows the "
        "guide today does everything right and still times out.",
        "이 단계는 안내서가 쓰일 당시에는 동작했습니다. 모듈만 올리면 헬퍼가 스스로 21번 포트에 붙었습니다. Linux 4.7부터는 따로 설정해야만 그렇게 "
        "동작하고, 6.0부터는 위에서 보듯이 그 설정 자체가 없어졌습니다. 오늘날 안내서를 그대로 따르면 잘못한 것이 없는데도 시간 초과가 됩니다."),
    "4_WALL": (
        "Passive mode works, as the guide meant it: sallywall's helper reads along on port 21 without a rule that asks for it. Active "
        "mode does not: the answers come to port 20, which is not in 1024:65534.",
        "안내서의 의도대로 수동형이 동작합니다. sallywall의 헬퍼는 따로 규칙이 없어도 21번 포트의 대화를 읽기 때문입니다. 능동형은 동작하지 않습니다. 응답이 "
        "1024:65534에 들지 않는 20번 포트로 오기 때문입니다."),
    "5_TITLE": ("the helper, attached by a rule", "규칙으로 헬퍼 지정"),
    "5_OPEN": ("as row 4, and the CT rule", "4단계에 CT 규칙 추가"),
    "5_GUIDE": (
        "It does not have this rule, as it needed none. Today a rule in table raw has to attach the helper to port 21.",
        "당시에는 필요 없었으므로 안내서에는 이 규칙이 없습니다. 오늘날에는 raw 테이블의 규칙으로 21번 포트에 헬퍼를 붙여야 합니다."),
    "5_WHY": (
        "The helper reads the port in the server's reply and expects that one connection, which is RELATED when it comes: passive mode works. "
        "Active mode times out: the answers to the server's connection are ESTABLISHED, but they come to port 20, and the rule "
        "is for 1024:65534.",
        "헬퍼가 서버의 응답에서 포트를 읽고 그 연결 하나를 예상하므로, 그 연결은 RELATED로 들어와 수동형이 동작합니다. 능동형은 시간 초과가 됩니다. 서버가 연 "
        "연결에 대한 응답은 ESTABLISHED이지만 20번 포트로 오는데, 규칙은 1024:65534만 허용합니다."),
    "6_TITLE": ("the guide's last advice: both ways at once", "안내서의 마지막 권고: 두 방법을 함께"),
    "6_OPEN": ("21, ESTABLISHED,RELATED for 10090:10100, and the CT rule", "21, 10090:10100의 ESTABLISHED,RELATED, CT 규칙"),
    "6_GUIDE": (
        "It advises to use the range of row 3, and to admit in that range only what is ESTABLISHED or RELATED.",
        "3단계의 포트 범위를 쓰되, 그 범위에서 ESTABLISHED와 RELATED만 허용하라고 권합니다."),
    "6_WHY": (
        "Passive mode works, and nobody comes in who was not announced. Active mode times out as in row 5. The range adds little: "
        "as the next row shows, RELATED needs none.",
        "수동형이 동작하고, 예고되지 않은 연결은 들어오지 못합니다. 능동형은 5단계처럼 시간 초과가 됩니다. 범위 지정은 별로 더해 주는 것이 없습니다. 다음 "
        "단계에서 보듯이 RELATED에는 포트 범위가 필요 없습니다."),
    "6_TODAY": (
        "As the guide has it, without the CT rule, this row times out today as row 4 does.",
        "안내서대로 CT 규칙 없이 하면, 오늘날에는 이 단계도 4단계처럼 시간 초과가 됩니다."),
    "7_TITLE": ("ESTABLISHED,RELATED on whatever port", "모든 포트에서 ESTABLISHED,RELATED 허용"),
    "7_OPEN": ("21, ESTABLISHED,RELATED, and the CT rule", "21, ESTABLISHED,RELATED, CT 규칙"),
    "7_GUIDE": (
        "It does not go so far: one rule for answers and announced connections, without any ports.",
        "안내서에는 없는 방법입니다. 포트를 정하지 않고 응답과 예고된 연결을 규칙 하나로 허용합니다."),
    "7_WHY": (
        "Both modes work, and every port but 21 is shut to strangers: what comes in has been announced, or is an answer.",
        "두 모드가 모두 동작하며, 21번을 제외한 모든 포트는 외부에 닫혀 있습니다. 들어오는 것은 예고된 연결이거나 응답뿐입니다."),
    "8_TITLE": ("row 7 under TLS", "TLS에서의 7단계"),
    "8_OPEN": ("as row 7, under TLS", "7단계와 같고 TLS 사용"),
    "8_GUIDE": (
        "Its client complains that the server offers no TLS. Now it does: the client says AUTH TLS before it logs in, and the rules are "
        "those of row 7.",
        "안내서의 클라이언트는 서버가 TLS를 지원하지 않는다고 알립니다. 이제 지원합니다. 클라이언트는 로그인하기 전에 AUTH TLS를 보내고, 규칙은 7단계와 같습니다."),
    "8_WHY": (
        "A helper reads plain text, and the server's reply with the port is encrypted now: nothing is announced, and passive mode times out, "
        "behind whichever firewall. No rule can mend that. Active mode works, as what goes out is not looked at here.",
        "헬퍼는 평문만 읽을 수 있는데, 이제 포트를 알려 주는 서버의 응답이 암호화됩니다. 따라서 아무것도 예고되지 않고, 어느 방화벽에서든 수동형은 시간 초과가 "
        "됩니다. 이것은 어떤 규칙으로도 고칠 수 없습니다. 능동형은 나가는 것을 검사하지 않으므로 동작합니다."),
    "g_TITLE": ("a gateway in between", "중간에 있는 게이트웨이"),
    "g_OPEN": ("as row 8, on a gateway; sallyd with doors", "8단계와 같고 게이트웨이에서, 문을 여는 sallyd"),
    "g_GUIDE": (
        "It has none. Here the firewall stands on a machine of its own between the two, and the rules are row 7's in FORWARD; sallyd would "
        "open doors (firewall=auto).",
        "안내서에는 없는 경우입니다. 여기서는 방화벽이 둘 사이의 별도 시스템에 있고, 7단계의 규칙이 FORWARD에 있습니다. sallyd는 문을 열 준비가 되어 있습니다"
        "(firewall=auto)."),
    "g_WHY": (
        "A server can open the firewall of its own machine and no other. The gateway would have to be told, and TLS tells it nothing: passive mode "
        "times out. What helps there is row 3: a range, or with sallyd a single port, opened on the gateway.",
        "서버는 자신이 동작하는 시스템의 방화벽만 열 수 있습니다. 게이트웨이가 포트를 알아야 하는데 TLS에서는 알 길이 없으므로 수동형은 시간 초과가 됩니다. "
        "이때는 3단계처럼 포트 범위를, sallyd라면 포트 하나만 게이트웨이에서 열면 됩니다."),
    "9_TITLE": ("TLS with every port shut but 21, and it works", "21번을 제외한 모든 포트를 닫고도 TLS가 동작"),
    "9_OPEN": ("21 and ESTABLISHED,RELATED, in and out, under TLS; sallyd with doors", "21, 양방향 ESTABLISHED,RELATED, TLS, 문을 여는 sallyd"),
    "9_GUIDE": (
        "It could not have this row. There is no CT rule and no range, and what goes out is shut as well, but for answers and what was announced; "
        "sallyd opens doors (firewall=auto, its default).",
        "당시에는 불가능했던 단계입니다. CT 규칙도 포트 범위도 없고, 나가는 것도 응답과 예고된 연결을 빼고는 막습니다. sallyd가 문을 엽니다(기본값인 "
        "firewall=auto)."),
    "9_WHY": (
        "The firewall can't read which port was promised, but the server knows: it has just promised it. So it tells the firewall before it tells "
        "the client: one door, for this client's address, this port and one connection, which comes as RELATED. The rule that everybody has admits "
        "it, and behind it the door is shut again.",
        "방화벽은 어떤 포트로 약속했는지 읽을 수 없지만, 방금 약속한 서버는 압니다. 그래서 서버는 클라이언트에 알리기 전에 방화벽에 먼저 알립니다. 이 클라이언트의 "
        "주소와 이 포트로 오는 연결 하나만을 위한 문이며, 그 연결은 RELATED로 들어옵니다. 누구나 쓰는 규칙이 그것을 허용하고, 연결이 들어온 뒤 문은 다시 닫힙니다."),
}
LANGUAGES = ("en", "ko")


def of_locale():
    """What the environment says, as gettext reads it: of the locale, unless LANGUAGE names another for it."""
    locale = next((os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), "C")
    if locale.split(".")[0] in ("C", "POSIX"):
        return "en"
    for name in (os.environ.get("LANGUAGE") or locale).split(":"):
        if name[:2] in LANGUAGES:
            return name[:2]
    return "en"


class Words:
    def __init__(self, language):
        self.language = language

    def __call__(self, name, *words):
        text = WORDS[name][LANGUAGES.index(self.language)]
        return text.format(*words) if words else text
