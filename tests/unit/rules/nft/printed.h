/* SPDX-License-Identifier: BSD-2-Clause */

/* clang-format off */
/* What nft 1.0.6 prints of one rule set: OBJECT(JSON) of all but its rules, RULE(JSON, text) of those, in order. Included by print_test.c. */
OBJECT("{\"table\":{\"family\":\"inet\",\"name\":\"t\",\"handle\":1}}")
OBJECT("{\"ct helper\":{\"family\":\"inet\",\"name\":\"std\",\"table\":\"t\",\"handle\":6,\"type\":\"ftp\",\"protocol\":\"tcp\",\"l3proto\":\"inet\"}}")
OBJECT("{\"set\":{\"family\":\"inet\",\"name\":\"seen\",\"table\":\"t\",\"type\":\"ipv4_addr\",\"handle\":7,\"size\":100,\"flags\":[\"timeout\"],\"timeout\":60}}")
OBJECT("{\"chain\":{\"family\":\"inet\",\"table\":\"t\",\"name\":\"other\",\"handle\":1}}")
OBJECT("{\"chain\":{\"family\":\"inet\",\"table\":\"t\",\"name\":\"input\",\"handle\":2,\"type\":\"filter\",\"hook\":\"input\",\"prio\":0,\"policy\":\"drop\"}}")
OBJECT("{\"chain\":{\"family\":\"inet\",\"table\":\"t\",\"name\":\"raw\",\"handle\":3,\"type\":\"filter\",\"hook\":\"prerouting\",\"prio\":-300,\"policy\":\"accept\"}}")
OBJECT("{\"chain\":{\"family\":\"inet\",\"table\":\"t\",\"name\":\"pre\",\"handle\":4,\"type\":\"nat\",\"hook\":\"prerouting\",\"prio\":-95,\"policy\":\"accept\"}}")
OBJECT("{\"chain\":{\"family\":\"inet\",\"table\":\"t\",\"name\":\"post\",\"handle\":5,\"type\":\"nat\",\"hook\":\"postrouting\",\"prio\":100,\"policy\":\"accept\"}}")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":8,\"expr\":[{\"match\":{\"op\":\"in\",\"left\":{\"ct\":{\"key\":\"state\"}},\"right\":[\"established\",\"related\"]}},{\"accept\":null}]}}",
     "ct state established,related accept")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":10,\"expr\":[{\"vmap\":{\"key\":{\"ct\":{\"key\":\"state\"}},\"data\":{\"set\":[[\"invalid\",{\"drop\":null}],[\"established\",{\"accept\":null}],[\"related\",{\"accept\":null}]]}}}]}}",
     "ct state vmap { invalid : drop, established : accept, related : accept }")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":11,\"expr\":[{\"match\":{\"op\":\"!=\",\"left\":{\"ct\":{\"key\":\"state\"}},\"right\":\"established\"}},{\"drop\":null}]}}",
     "ct state != established drop")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":12,\"expr\":[{\"match\":{\"op\":\"==\",\"left\":{\"ct\":{\"key\":\"state\"}},\"right\":\"new\"}},{\"accept\":null}]}}",
     "ct state == new accept")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":14,\"comment\":\"web, and more\",\"expr\":[{\"match\":{\"op\":\"==\",\"left\":{\"payload\":{\"protocol\":\"tcp\",\"field\":\"dport\"}},\"right\":{\"set\":[22,{\"range\":[80,90]}]}}},{\"accept\":null}]}}",
     "tcp dport { 22, 80-90 } accept comment \"web, and more\"")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":15,\"expr\":[{\"match\":{\"op\":\"!=\",\"left\":{\"payload\":{\"protocol\":\"tcp\",\"field\":\"dport\"}},\"right\":22}},{\"drop\":null}]}}",
     "tcp dport != 22 drop")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":16,\"expr\":[{\"match\":{\"op\":\">=\",\"left\":{\"payload\":{\"protocol\":\"tcp\",\"field\":\"sport\"}},\"right\":1024}},{\"accept\":null}]}}",
     "tcp sport >= 1024 accept")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":17,\"expr\":[{\"match\":{\"op\":\"==\",\"left\":{\"meta\":{\"key\":\"iif\"}},\"right\":\"lo\"}},{\"accept\":null}]}}",
     "iif \"lo\" accept")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":19,\"expr\":[{\"match\":{\"op\":\"==\",\"left\":{\"meta\":{\"key\":\"iifname\"}},\"right\":{\"set\":[\"br0\",\"eth*\"]}}},{\"drop\":null}]}}",
     "iifname { \"br0\", \"eth*\" } drop")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":20,\"expr\":[{\"match\":{\"op\":\"!=\",\"left\":{\"meta\":{\"key\":\"oifname\"}},\"right\":\"wl*\"}},{\"counter\":{\"packets\":0,\"bytes\":0}}]}}",
     "oifname != \"wl*\" counter packets 0 bytes 0")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":21,\"expr\":[{\"match\":{\"op\":\"==\",\"left\":{\"&\":[{\"payload\":{\"protocol\":\"tcp\",\"field\":\"flags\"}},[\"fin\",\"syn\",\"rst\",\"ack\"]]},\"right\":\"syn\"}},{\"counter\":{\"packets\":0,\"bytes\":0}}]}}",
     "tcp flags syn / fin,syn,rst,ack counter packets 0 bytes 0")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":22,\"expr\":[{\"match\":{\"op\":\"!=\",\"left\":{\"&\":[{\"payload\":{\"protocol\":\"tcp\",\"field\":\"flags\"}},[\"syn\",\"ack\"]]},\"right\":\"syn\"}},{\"drop\":null}]}}",
     "tcp flags != syn / syn,ack drop")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":23,\"expr\":[{\"match\":{\"op\":\"!\",\"left\":{\"payload\":{\"protocol\":\"tcp\",\"field\":\"flags\"}},\"right\":\"syn\"}},{\"drop\":null}]}}",
     "tcp flags ! syn drop")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":25,\"expr\":[{\"match\":{\"op\":\"==\",\"left\":{\"payload\":{\"protocol\":\"tcp\",\"field\":\"flags\"}},\"right\":{\"set\":[\"syn\",\"ack\"]}}},{\"drop\":null}]}}",
     "tcp flags { syn, ack } drop")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":26,\"expr\":[{\"match\":{\"op\":\"==\",\"left\":{\"payload\":{\"protocol\":\"icmp\",\"field\":\"type\"}},\"right\":\"echo-request\"}},{\"limit\":{\"rate\":10,\"burst\":5,\"per\":\"second\"}},{\"accept\":null}]}}",
     "icmp type echo-request limit rate 10/second accept")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":27,\"expr\":[{\"match\":{\"op\":\"==\",\"left\":{\"payload\":{\"protocol\":\"icmp\",\"field\":\"code\"}},\"right\":{\"range\":[\"net-unreachable\",\"host-unreachable\"]}}},{\"drop\":null}]}}",
     "icmp code 0-1 drop")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":29,\"expr\":[{\"match\":{\"op\":\"==\",\"left\":{\"payload\":{\"protocol\":\"icmpv6\",\"field\":\"type\"}},\"right\":{\"set\":[\"echo-request\",\"nd-neighbor-solicit\"]}}},{\"accept\":null}]}}",
     "icmpv6 type { echo-request, nd-neighbor-solicit } accept")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":30,\"expr\":[{\"match\":{\"op\":\"==\",\"left\":{\"payload\":{\"protocol\":\"ip\",\"field\":\"saddr\"}},\"right\":{\"prefix\":{\"addr\":\"10.0.0.0\",\"len\":8}}}},{\"match\":{\"op\":\"==\",\"left\":{\"payload\":{\"protocol\":\"ip\",\"field\":\"daddr\"}},\"right\":{\"range\":[\"192.0.2.1\",\"192.0.2.9\"]}}},{\"accept\":null}]}}",
     "ip saddr 10.0.0.0/8 ip daddr 192.0.2.1-192.0.2.9 accept")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":32,\"expr\":[{\"match\":{\"op\":\"==\",\"left\":{\"concat\":[{\"payload\":{\"protocol\":\"ip\",\"field\":\"saddr\"}},{\"payload\":{\"protocol\":\"tcp\",\"field\":\"dport\"}}]},\"right\":{\"set\":[{\"concat\":[{\"prefix\":{\"addr\":\"10.0.0.0\",\"len\":8}},{\"range\":[20,25]}]},{\"concat\":[\"192.0.2.4\",80]}]}}},{\"accept\":null}]}}",
     "ip saddr . tcp dport { 10.0.0.0/8 . 20-25, 192.0.2.4 . 80 } accept")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":33,\"expr\":[{\"match\":{\"op\":\"==\",\"left\":{\"payload\":{\"protocol\":\"ip6\",\"field\":\"saddr\"}},\"right\":{\"prefix\":{\"addr\":\"fe80::\",\"len\":10}}}},{\"accept\":null}]}}",
     "ip6 saddr fe80::/10 accept")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":34,\"expr\":[{\"match\":{\"op\":\"==\",\"left\":{\"&\":[{\"payload\":{\"protocol\":\"ip\",\"field\":\"saddr\"}},\"255.0.255.0\"]},\"right\":\"10.0.3.0\"}},{\"drop\":null}]}}",
     "ip saddr & 255.0.255.0 == 10.0.3.0 drop")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":36,\"expr\":[{\"match\":{\"op\":\"==\",\"left\":{\"meta\":{\"key\":\"l4proto\"}},\"right\":{\"set\":[\"tcp\",\"udp\"]}}},{\"match\":{\"op\":\"==\",\"left\":{\"payload\":{\"protocol\":\"th\",\"field\":\"dport\"}},\"right\":53}},{\"accept\":null}]}}",
     "meta l4proto { tcp, udp } th dport 53 accept")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":38,\"expr\":[{\"mangle\":{\"key\":{\"meta\":{\"key\":\"mark\"}},\"value\":{\"map\":{\"key\":{\"payload\":{\"protocol\":\"ip\",\"field\":\"saddr\"}},\"data\":{\"set\":[[\"192.0.2.4\",16]]}}}}}]}}",
     "meta mark set ip saddr map { 192.0.2.4 : 0x00000010 }")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":39,\"expr\":[{\"mangle\":{\"key\":{\"meta\":{\"key\":\"mark\"}},\"value\":{\"|\":[{\"&\":[{\"meta\":{\"key\":\"mark\"}},241]},1]}}}]}}",
     "meta mark set meta mark & 0x000000f1 | 0x00000001")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":40,\"expr\":[{\"mangle\":{\"key\":{\"ct\":{\"key\":\"mark\"}},\"value\":{\"meta\":{\"key\":\"mark\"}}}}]}}",
     "ct mark set meta mark")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":41,\"expr\":[{\"match\":{\"op\":\"==\",\"left\":{\"&\":[{\"ct\":{\"key\":\"mark\"}},15]},\"right\":3}},{\"accept\":null}]}}",
     "ct mark & 0x0000000f == 0x00000003 accept")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":42,\"expr\":[{\"match\":{\"op\":\"==\",\"left\":{\"ct\":{\"key\":\"helper\"}},\"right\":\"ftp\"}},{\"accept\":null}]}}",
     "ct helper \"ftp\" accept")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":43,\"expr\":[{\"match\":{\"op\":\"in\",\"left\":{\"ct\":{\"key\":\"status\"}},\"right\":\"assured\"}},{\"accept\":null}]}}",
     "ct status assured accept")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":44,\"expr\":[{\"match\":{\"op\":\"==\",\"left\":{\"ct\":{\"key\":\"direction\"}},\"right\":\"reply\"}},{\"accept\":null}]}}",
     "ct direction reply accept")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":45,\"expr\":[{\"match\":{\"op\":\"==\",\"left\":{\"ct\":{\"key\":\"ip saddr\",\"dir\":\"original\"}},\"right\":\"192.0.2.4\"}},{\"accept\":null}]}}",
     "ct original ip saddr 192.0.2.4 accept")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":46,\"expr\":[{\"match\":{\"op\":\"==\",\"left\":{\"meta\":{\"key\":\"l4proto\"}},\"right\":\"tcp\"}},{\"match\":{\"op\":\"==\",\"left\":{\"ct\":{\"key\":\"proto-dst\",\"dir\":\"original\"}},\"right\":21}},{\"accept\":null}]}}",
     "meta l4proto tcp ct original proto-dst 21 accept")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":47,\"expr\":[{\"match\":{\"op\":\"==\",\"left\":{\"ct\":{\"key\":\"expiration\"}},\"right\":{\"range\":[10,120]}}},{\"accept\":null}]}}",
     "ct expiration 10s-120s accept")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":48,\"expr\":[{\"ct count\":{\"val\":5,\"inv\":true}},{\"drop\":null}]}}",
     "ct count over 5 drop")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":49,\"expr\":[{\"match\":{\"op\":\"==\",\"left\":{\"fib\":{\"result\":\"oif\",\"flags\":[\"saddr\",\"iif\"]}},\"right\":false}},{\"drop\":null}]}}",
     "fib saddr . iif oif missing drop")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":50,\"expr\":[{\"match\":{\"op\":\"==\",\"left\":{\"fib\":{\"result\":\"type\",\"flags\":[\"daddr\"]}},\"right\":\"local\"}},{\"accept\":null}]}}",
     "fib daddr type local accept")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":51,\"expr\":[{\"log\":{\"prefix\":\"abc \",\"level\":\"info\",\"flags\":\"all\"}}]}}",
     "log prefix \"abc \" level info flags all")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":52,\"expr\":[{\"log\":{\"prefix\":\"x\",\"group\":3}}]}}",
     "log prefix \"x\" group 3")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":53,\"expr\":[{\"reject\":{\"type\":\"icmpx\",\"expr\":\"admin-prohibited\"}}]}}",
     "reject with icmpx admin-prohibited")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":54,\"expr\":[{\"match\":{\"op\":\"==\",\"left\":{\"meta\":{\"key\":\"l4proto\"}},\"right\":\"tcp\"}},{\"reject\":{\"type\":\"tcp reset\"}}]}}",
     "meta l4proto tcp reject with tcp reset")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":55,\"expr\":[{\"reject\":{\"type\":\"icmp\",\"expr\":\"host-unreachable\"}}]}}",
     "reject with icmp host-unreachable")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":56,\"expr\":[{\"reject\":{\"type\":\"icmpx\",\"expr\":\"port-unreachable\"}}]}}",
     "reject")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":57,\"expr\":[{\"match\":{\"op\":\"==\",\"left\":{\"tcp option\":{\"name\":\"maxseg\",\"field\":\"size\"}},\"right\":{\"range\":[500,1000]}}},{\"drop\":null}]}}",
     "tcp option maxseg size 500-1000 drop")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":58,\"expr\":[{\"match\":{\"op\":\"==\",\"left\":{\"tcp option\":{\"name\":\"timestamp\"}},\"right\":true}},{\"accept\":null}]}}",
     "tcp option timestamp exists accept")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":59,\"expr\":[{\"match\":{\"op\":\"==\",\"left\":{\"exthdr\":{\"name\":\"frag\"}},\"right\":true}},{\"drop\":null}]}}",
     "exthdr frag exists drop")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":60,\"expr\":[{\"match\":{\"op\":\"==\",\"left\":{\"meta\":{\"key\":\"pkttype\"}},\"right\":\"broadcast\"}},{\"drop\":null}]}}",
     "meta pkttype broadcast drop")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":61,\"expr\":[{\"match\":{\"op\":\"==\",\"left\":{\"meta\":{\"key\":\"length\"}},\"right\":{\"range\":[100,200]}}},{\"drop\":null}]}}",
     "meta length 100-200 drop")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":62,\"expr\":[{\"match\":{\"op\":\"==\",\"left\":{\"payload\":{\"protocol\":\"ip\",\"field\":\"dscp\"}},\"right\":\"cs1\"}},{\"accept\":null}]}}",
     "ip dscp cs1 accept")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":63,\"expr\":[{\"match\":{\"op\":\"<\",\"left\":{\"payload\":{\"protocol\":\"ip\",\"field\":\"ttl\"}},\"right\":5}},{\"drop\":null}]}}",
     "ip ttl < 5 drop")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":64,\"expr\":[{\"match\":{\"op\":\"!=\",\"left\":{\"&\":[{\"payload\":{\"protocol\":\"ip\",\"field\":\"frag-off\"}},8191]},\"right\":0}},{\"drop\":null}]}}",
     "ip frag-off & 8191 != 0 drop")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":66,\"expr\":[{\"match\":{\"op\":\"==\",\"left\":{\"payload\":{\"protocol\":\"ip\",\"field\":\"protocol\"}},\"right\":{\"set\":[\"tcp\",\"udp\"]}}},{\"accept\":null}]}}",
     "ip protocol { tcp, udp } accept")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":67,\"expr\":[{\"match\":{\"op\":\"==\",\"left\":{\"payload\":{\"protocol\":\"ether\",\"field\":\"saddr\"}},\"right\":\"00:11:22:33:44:55\"}},{\"accept\":null}]}}",
     "ether saddr 00:11:22:33:44:55 accept")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":68,\"expr\":[{\"quota\":{\"val\":10,\"val_unit\":\"mbytes\",\"inv\":true}},{\"drop\":null}]}}",
     "quota over 10 mbytes drop")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":69,\"expr\":[{\"limit\":{\"rate\":1,\"burst\":10,\"per\":\"minute\",\"inv\":true,\"rate_unit\":\"mbytes\",\"burst_unit\":\"kbytes\"}},{\"drop\":null}]}}",
     "limit rate over 1 mbytes/minute burst 10 kbytes drop")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":70,\"expr\":[{\"limit\":{\"rate\":5,\"burst\":2,\"per\":\"hour\"}},{\"accept\":null}]}}",
     "limit rate 5/hour burst 2 packets accept")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":71,\"expr\":[{\"match\":{\"op\":\"==\",\"left\":{\"meta\":{\"key\":\"time\"}},\"right\":\"2020-01-01 00:00:00\"}},{\"drop\":null}]}}",
     "meta time \"2020-01-01 00:00:00\" drop")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":72,\"expr\":[{\"match\":{\"op\":\"==\",\"left\":{\"meta\":{\"key\":\"hour\"}},\"right\":{\"range\":[\"10:00\",\"12:30\"]}}},{\"drop\":null}]}}",
     "meta hour \"10:00\"-\"12:30\" drop")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":74,\"expr\":[{\"match\":{\"op\":\"==\",\"left\":{\"meta\":{\"key\":\"day\"}},\"right\":{\"set\":[\"Monday\",\"Friday\"]}}},{\"drop\":null}]}}",
     "meta day { \"Monday\", \"Friday\" } drop")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":75,\"expr\":[{\"match\":{\"op\":\"==\",\"left\":{\"payload\":{\"protocol\":\"th\",\"field\":\"dport\"}},\"right\":53}},{\"accept\":null}]}}",
     "th dport 53 accept")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":76,\"expr\":[{\"match\":{\"op\":\"==\",\"left\":{\"&\":[{\"payload\":{\"base\":\"nh\",\"offset\":0,\"len\":8}},240]},\"right\":64}},{\"accept\":null}]}}",
     "@nh,0,8 & 0xf0 == 0x40 accept")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":77,\"expr\":[{\"match\":{\"op\":\"==\",\"left\":{\"&\":[{\"payload\":{\"base\":\"nh\",\"offset\":64,\"len\":16}},65280]},\"right\":16384}},{\"accept\":null}]}}",
     "@nh,64,16 & 0xff00 == 0x4000 accept")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":78,\"expr\":[{\"match\":{\"op\":\"==\",\"left\":{\"payload\":{\"protocol\":\"ip\",\"field\":\"daddr\"}},\"right\":{\"prefix\":{\"addr\":\"224.0.0.0\",\"len\":4}}}},{\"continue\":null}]}}",
     "ip daddr 224.0.0.0/4 continue")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":79,\"expr\":[{\"jump\":{\"target\":\"other\"}}]}}",
     "jump other")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":80,\"expr\":[{\"goto\":{\"target\":\"other\"}}]}}",
     "goto other")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":82,\"expr\":[{\"vmap\":{\"key\":{\"payload\":{\"protocol\":\"tcp\",\"field\":\"dport\"}},\"data\":{\"set\":[[21,{\"jump\":{\"target\":\"other\"}}],[22,{\"drop\":null}]]}}}]}}",
     "tcp dport vmap { 21 : jump other, 22 : drop }")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":83,\"expr\":[{\"set\":{\"op\":\"add\",\"elem\":{\"payload\":{\"protocol\":\"ip\",\"field\":\"saddr\"}},\"set\":\"@seen\",\"stmt\":[{\"limit\":{\"rate\":10,\"burst\":5,\"per\":\"minute\",\"inv\":true}}]}}]}}",
     "add @seen { ip saddr limit rate over 10/minute }")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":84,\"expr\":[{\"set\":{\"op\":\"update\",\"elem\":{\"elem\":{\"val\":{\"payload\":{\"protocol\":\"ip\",\"field\":\"saddr\"}},\"timeout\":10}},\"set\":\"@seen\"}},{\"accept\":null}]}}",
     "update @seen { ip saddr timeout 10s } accept")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":85,\"expr\":[{\"match\":{\"op\":\"==\",\"left\":{\"payload\":{\"protocol\":\"ip\",\"field\":\"saddr\"}},\"right\":\"@seen\"}},{\"return\":null}]}}",
     "ip saddr @seen return")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":86,\"expr\":[{\"match\":{\"op\":\"==\",\"left\":{\"payload\":{\"protocol\":\"tcp\",\"field\":\"dport\"}},\"right\":21}},{\"ct helper\":\"std\"}]}}",
     "tcp dport 21 ct helper set \"std\"")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"input\",\"handle\":87,\"expr\":[{\"mangle\":{\"key\":{\"ct\":{\"key\":\"mark\"}},\"value\":7}},{\"counter\":{\"packets\":3,\"bytes\":4}},{\"accept\":null}]}}",
     "ct mark set 0x00000007 counter packets 3 bytes 4 accept")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"raw\",\"handle\":88,\"expr\":[{\"notrack\":null}]}}",
     "notrack")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"raw\",\"handle\":89,\"expr\":[{\"mangle\":{\"key\":{\"ct\":{\"key\":\"zone\"}},\"value\":5}}]}}",
     "ct zone set 5")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"raw\",\"handle\":90,\"expr\":[{\"match\":{\"op\":\"in\",\"left\":{\"ct\":{\"key\":\"state\"}},\"right\":\"untracked\"}},{\"accept\":null}]}}",
     "ct state untracked accept")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"raw\",\"handle\":91,\"expr\":[{\"mangle\":{\"key\":{\"payload\":{\"protocol\":\"ip\",\"field\":\"ttl\"}},\"value\":6}}]}}",
     "ip ttl set 6")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"raw\",\"handle\":92,\"expr\":[{\"mangle\":{\"key\":{\"payload\":{\"protocol\":\"ip\",\"field\":\"dscp\"}},\"value\":\"cs1\"}}]}}",
     "ip dscp set cs1")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"pre\",\"handle\":93,\"expr\":[{\"match\":{\"op\":\"==\",\"left\":{\"payload\":{\"protocol\":\"tcp\",\"field\":\"dport\"}},\"right\":80}},{\"dnat\":{\"family\":\"ip\",\"addr\":\"192.0.2.4\",\"port\":8080}}]}}",
     "tcp dport 80 dnat ip to 192.0.2.4:8080")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"pre\",\"handle\":94,\"expr\":[{\"match\":{\"op\":\"==\",\"left\":{\"payload\":{\"protocol\":\"tcp\",\"field\":\"dport\"}},\"right\":81}},{\"redirect\":{\"port\":82}}]}}",
     "tcp dport 81 redirect to :82")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"pre\",\"handle\":95,\"expr\":[{\"dnat\":{\"family\":\"ip\",\"addr\":{\"range\":[\"192.0.2.4\",\"192.0.2.9\"]},\"flags\":[\"random\",\"persistent\"]}}]}}",
     "dnat ip to 192.0.2.4-192.0.2.9 random,persistent")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"pre\",\"handle\":96,\"expr\":[{\"match\":{\"op\":\"==\",\"left\":{\"payload\":{\"protocol\":\"tcp\",\"field\":\"dport\"}},\"right\":90}},{\"dnat\":{\"family\":\"ip6\",\"addr\":\"2001:db8::4\",\"port\":80}}]}}",
     "tcp dport 90 dnat ip6 to [2001:db8::4]:80")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"pre\",\"handle\":98,\"expr\":[{\"dnat\":{\"family\":\"ip\",\"addr\":{\"map\":{\"key\":{\"payload\":{\"protocol\":\"tcp\",\"field\":\"dport\"}},\"data\":{\"set\":[[80,{\"concat\":[\"192.0.2.4\",8080]}]]}}}}}]}}",
     "dnat ip to tcp dport map { 80 : 192.0.2.4 . 8080 }")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"post\",\"handle\":99,\"expr\":[{\"match\":{\"op\":\"==\",\"left\":{\"meta\":{\"key\":\"oifname\"}},\"right\":\"eth0\"}},{\"masquerade\":null}]}}",
     "oifname \"eth0\" masquerade")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"post\",\"handle\":100,\"expr\":[{\"match\":{\"op\":\"==\",\"left\":{\"meta\":{\"key\":\"l4proto\"}},\"right\":\"tcp\"}},{\"masquerade\":{\"port\":{\"range\":[1024,2000]}}}]}}",
     "meta l4proto tcp masquerade to :1024-2000")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"post\",\"handle\":101,\"expr\":[{\"snat\":{\"family\":\"ip6\",\"addr\":\"2001:db8::1\"}}]}}",
     "snat ip6 to 2001:db8::1")
RULE("{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"post\",\"handle\":102,\"expr\":[{\"snat\":{\"family\":\"ip\",\"addr\":\"192.0.2.4\",\"flags\":\"fully-random\"}}]}}",
     "snat ip to 192.0.2.4 fully-random")
