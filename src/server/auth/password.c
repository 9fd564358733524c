/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/auth/password.h"

#include <crypt.h>
#include <shadow.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* struct crypt_data is 32 KiB and full of what was derived from the password: on the heap, and wiped. */
static void crypt_data_free(struct crypt_data **d)
{
    if (*d)
        explicit_bzero(*d, sizeof(**d));
    free(*d);
    *d = NULL;
}

/* crypt(3) of password under setting (a salt, or a whole hash). NULL: setting is not one crypt understands.
 */
static const char *crypt_run(const char *password, const char *setting, struct crypt_data *data)
{
    const char *out = crypt_rn(password, setting, data, sizeof(*data));
    return out && out[0] != '*' ? out : NULL;
}

static bool is_equal_in_constant_time(const char *a, const char *b)
{
    size_t len = strlen(a);
    unsigned char differs = 0;

    if (len != strlen(b)) /* the length tells the method, not the password */
        return false;
    for (size_t i = 0; i < len; i++)
        differs |= (unsigned char)(a[i] ^ b[i]);
    return differs == 0;
}

char *password_hash(const char *password)
{
    char salt[CRYPT_GENSALT_OUTPUT_SIZE];
    if (strlen(password) > PASSWORD_MAX || !crypt_gensalt_rn("$y$", 0, NULL, 0, salt, sizeof(salt)))
        return NULL;

    struct crypt_data *data = calloc(1, sizeof(*data));
    if (!data)
        return NULL;
    const char *out = crypt_run(password, salt, data);
    char *copy = out ? strdup(out) : NULL;
    crypt_data_free(&data);
    return copy;
}

/* Spends a hash of the default method and cost. */
static void password_spend(const char *password)
{
    char *dummy = password_hash(password);
    if (dummy)
        explicit_bzero(dummy, strlen(dummy));
    free(dummy);
}

bool password_verify(const char *password, const char *hash)
{
    struct crypt_data *data = hash ? calloc(1, sizeof(*data)) : NULL;
    const char *out = data ? crypt_run(password, hash, data) : NULL;
    bool same = out && is_equal_in_constant_time(out, hash);

    /* No hash, or one that crypt refused at once: nobody may tell from the time that it took. */
    if (!out)
        password_spend(password);
    crypt_data_free(&data);
    return same;
}

static bool is_real_hash(const char *hash)
{
    return hash && hash[0] == '$';
}

void password_spend_as_local(const char *password)
{
    FILE *f = fopen("/etc/shadow", "re");
    const struct spwd *entry = NULL;

    while (f && (entry = fgetspent(f)) && !is_real_hash(entry->sp_pwdp))
        ;
    /* Twice: before the password itself, pam_unix of Linux-PAM 1.5 hashes "" for a user that has a hash, to
     * see whether no password is one. */
    for (int i = 0; i < 2; i++)
        (void)password_verify(password, entry ? entry->sp_pwdp : NULL);
    if (f)
        (void)fclose(f);
}

bool password_is_hashed_locally(const char *user)
{
    /* The process ends soon and has one thread (auth.h): the plain, unlocked call is enough. */
    const struct spwd *entry = getspnam(user);
    return entry && is_real_hash(entry->sp_pwdp);
}
