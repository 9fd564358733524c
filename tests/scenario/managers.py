# SPDX-License-Identifier: BSD-2-Clause
"""The programs by which administrators manage their rules, real ones from tools.py, each with a folder of its own for its settings
and its state. What is here are command lines and environments; who runs them is in the right namespace already."""
import os
import shutil

import tools


class Ufw:
    def __init__(self, folder):
        self.root = os.path.join(folder, "ufw")
        for name, packaged in ("/lib/ufw", "/usr/lib/ufw"), ("/usr/share/ufw",) * 2, ("/etc/ufw",) * 2:  # since Debian 13: in /usr/lib
            shutil.copytree(tools.path(name, packaged), self.root + name, symlinks=True)
        shutil.copytree(tools.path("/usr/share/ufw/iptables"), self.root + "/etc/ufw", dirs_exist_ok=True)
        shutil.copy(tools.path("/usr/share/ufw/ufw.conf"), self.root + "/etc/ufw/ufw.conf")
        os.makedirs(self.root + "/etc/default")
        shutil.copy(tools.path("/etc/default/ufw"), self.root + "/etc/default/ufw")

    def command(self, *words):
        return [*tools.command("ufw"), f"--rootdir={self.root}", f"--datadir={self.root}", *words]

    @staticmethod
    def environment():
        return tools.environment()


class Firewalld:
    def __init__(self, folder, back_end="nftables"):
        self.bus, self.bus_conf, self.etc = (os.path.join(folder, name) for name in ("bus", "bus.conf", "etc"))
        os.makedirs(self.etc, exist_ok=True)
        with open(os.path.join(self.etc, "firewalld.conf"), "w", encoding="ascii") as f:
            f.write(f"FirewallBackend={back_end}\n")
        with open(self.bus_conf, "w", encoding="ascii") as f:
            f.write(f"<busconfig><type>system</type><listen>unix:path={self.bus}</listen><auth>EXTERNAL</auth><policy context='default'>"
                    "<allow user='*'/><allow own='*'/><allow send_type='method_call'/><allow send_type='signal'/><allow eavesdrop='true'/>"
                    "<allow send_destination='*'/></policy></busconfig>")

    def bus_command(self):
        return ["dbus-daemon", "--config-file=" + self.bus_conf, "--nofork", "--nopidfile"]

    def daemon_command(self):
        return ["/usr/bin/python3", tools.path("/usr/sbin/firewalld"), "--nofork", "--nopid", "--log-target=console",
                "--system-config", self.etc, "--default-config", tools.path("/usr/lib/firewalld")]

    @staticmethod
    def command(*words):
        return ["/usr/bin/python3", tools.path("/usr/bin/firewall-cmd"), *words]

    def environment(self):
        found = [os.path.join(folder, name) for folder, names, _ in os.walk(tools.ROOT) for name in names if name == "girepository-1.0"]
        return {**tools.environment(), "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={self.bus}", "GI_TYPELIB_PATH": ":".join(found)}
