/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/config/config.h"

#include "server/config/told.h"
#include "unit.h"

#include <errno.h>

/* Reads text over the defaults and checks the whole. */
static int check(const char *text, struct told *told)
{
    struct config *c = config_new();
    *told = (struct told){.errors = 0};
    assert_int_equal(config_parse(c, "f", text, strlen(text), told_tell, told), 0);
    assert_string_equal(told->text, "");
    int result = config_check(c, "f", told_tell, told);
    config_free(&c);
    return result;
}

static void sound_configurations_pass_in_silence(void **state)
{
    static const char *const sound[] = {
        "",
        "listen=NO\nlisten_ipv6=YES\nlisten_address6=2001:db8::1\n",
        "pasv_min_port=10090\npasv_max_port=10090\npasv_address=192.0.2.1\n",
        "pasv_addr_resolve=YES\npasv_address=ftp.example.org\n",
        "pasv_address_map=10.0.0.0/8=10.0.0.5, 192.0.2.1=, 0.0.0.0/0=203.0.113.7,\n",
        /* As Debian's vsftpd.conf has it: TLS is off, so what it would have used does not matter. */
        "ssl_enable=NO\nrsa_cert_file=/etc/ssl/certs/ssl-cert-snakeoil.pem\n"
        "rsa_private_key_file=/etc/ssl/private/ssl-cert-snakeoil.key\nlisten=NO\nlisten_ipv6=YES\n"
        "anonymous_enable=NO\nlocal_enable=YES\ndirmessage_enable=YES\nuse_localtime=YES\nxferlog_enable="
        "YES\n"
        "connect_from_port_20=YES\nsecure_chroot_dir=/var/run/vsftpd/empty\npam_service_name=vsftpd\n",
        /* What we do anyway. */
        "one_process_model=NO\nseccomp_sandbox=YES\ntcp_wrappers=NO\nuse_sendfile=YES\n",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(sound); i++) {
        struct told told;
        assert_int_equal(check(sound[i], &told), 0);
        assert_string_equal(told.text, "");
    }
}

static void contradictions_are_errors(void **state)
{
    static const struct {
        const char *text, *told;
    } wrong[] = {
        {"listen_ipv6=YES\n",
         "E f: listen=YES (the default) and listen_ipv6=YES exclude each other; listen_ipv6=YES "
         "alone serves IPv4 as well, so set listen=NO\n"},
        {"listen_address=localhost\n", "E f: listen_address=localhost: expected an IPv4 address\n"},
        {"listen_address6=127.0.0.1\n", "E f: listen_address6=127.0.0.1: expected an IPv6 address\n"},
        {"pasv_min_port=9000\npasv_max_port=8000\n",
         "E f: pasv_min_port=9000 is above pasv_max_port=8000; no port is left for passive mode\n"},
        {"pasv_max_port=2000\n",
         "E f: pasv_min_port=5001 is above pasv_max_port=2000; no port is left for passive mode\n"},
        {"listen_port=2121\npasv_min_port=2121\npasv_max_port=2121\n",
         "E f: pasv_min_port=pasv_max_port=2121 is also listen_port; passive mode needs a port of its own\n"},
        {"pasv_address=ftp.example.org\n",
         "E f: pasv_address=ftp.example.org is not an IPv4 address; if it is a host "
         "name, set pasv_addr_resolve=YES\n"},
        {"pasv_address_map=10.0.0.0/8=10.0.0.5,10.0.0.0/33=1.2.3.4\n",
         "E f: pasv_address_map: '10.0.0.0/33=1.2.3.4': expected NETWORK/BITS=ADDRESS, as in "
         "10.0.0.0/8=10.0.0.5\n"},
        {"anonymous_enable=NO\n",
         "E f: nobody could log in: set anonymous_enable, local_enable or virtual_enable to YES\n"},
        {"virtual_enable=YES\naccounts_file=\n",
         "E f: virtual_enable=YES needs accounts_file, which is empty\n"},
        {"nopriv_user=\n", "E f: nopriv_user is empty; the worker must be some user other than root\n"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct told told;
        assert_int_equal(check(wrong[i].text, &told), -EINVAL);
        assert_string_equal(told.text, wrong[i].told);
    }
}

static void what_is_not_done_is_told_with_the_reason(void **state)
{
    static const struct {
        const char *text, *told;
    } not_done[] = {
        {"one_process_model=YES\n",
         "W f: one_process_model=YES changes nothing: sessions share three kinds of process\n"},
        {"seccomp_sandbox=NO\n", "W f: seccomp_sandbox=NO changes nothing: the sandbox is always on\n"},
        {"trans_chunk_size=8192\n",
         "W f: trans_chunk_size changes nothing: the rate limit spreads evenly by itself, "
         "and the kernel chooses the pieces\n"},
        {"anon_upload_enable=YES\n",
         "W f: anon_upload_enable=YES permits nothing while write_enable is NO\n"},
        {"pasv_enable=NO\nport_enable=NO\n",
         "W f: pasv_enable=NO and port_enable=NO: nothing can be listed or transferred\n"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(not_done); i++) {
        struct told told;
        assert_int_equal(check(not_done[i].text, &told), 0);
        assert_string_equal(told.text, not_done[i].told);
    }
}

static void tls(void **state)
{
    static const struct {
        const char *text;
        int result;
        const char *told;
    } rows[] = {
        {"ssl_enable=YES\n", 0, ""},
        {"ssl_sslv3=YES\n", 0, ""}, /* without ssl_enable it does not matter */
        {"ssl_enable=YES\nssl_sslv3=YES\n", -EINVAL,
         "E f: ssl_sslv3=YES: OpenSSL 3 has no SSL 2 and no SSL 3, and nobody should\n"},
        {"ssl_enable=YES\nssl_sslv2=YES\n", -EINVAL,
         "E f: ssl_sslv2=YES: OpenSSL 3 has no SSL 2 and no SSL 3, and nobody should\n"},
        {"ssl_enable=YES\nssl_tlsv12=NO\nssl_tlsv13=NO\n", -EINVAL,
         "E f: ssl_enable=YES with ssl_tlsv12=NO and ssl_tlsv13=NO leaves no TLS to offer\n"},
        {"ssl_enable=YES\ndsa_cert_file=/d.pem\n", -EINVAL,
         "E f: dsa_cert_file=/d.pem: TLS has no DSA any more; rsa_cert_file takes RSA and EC certificates\n"},
        {"ssl_enable=YES\nvalidate_cert=YES\n", -EINVAL,
         "E f: validate_cert=YES needs ca_certs_file, which is empty\n"},
        {"ssl_enable=YES\nlocal_enable=YES\nforce_local_logins_ssl=NO\n", 0,
         "W f: force_local_logins_ssl=NO: passwords may cross the network unencrypted\n"},
        {"ssl_enable=YES\nssl_tlsv1=YES\n", 0,
         "W f: ssl_tlsv1=YES changes nothing: TLS 1.0 and 1.1 are broken and not offered (RFC 8996); TLS 1.2 "
         "and 1.3 "
         "are\n"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct told told;
        assert_int_equal(check(rows[i].text, &told), rows[i].result);
        assert_string_equal(told.text, rows[i].told);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sound_configurations_pass_in_silence),
        cmocka_unit_test(contradictions_are_errors),
        cmocka_unit_test(what_is_not_done_is_told_with_the_reason),
        cmocka_unit_test(tls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
