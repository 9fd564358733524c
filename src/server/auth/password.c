/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/auth/password.h"

#include <crypt.h>
#include <shadow.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum {
    HASHES_IN_PROCESS = 2, /* "" first, to see whether no password is one */
    HASHES_BY_HELPER = 4,  /* and each in a process of its own, which does so once more */
    DENIALS_KEPT = 5,
    HASHES_MOST = 16, /* whatever was measured */
};

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

double password_clock(void)
{
    static const int whose[] = {RUSAGE_SELF, RUSAGE_CHILDREN};
    double seconds = 0;
    for (size_t i = 0; i < sizeof(whose) / sizeof(whose[0]); i++) {
        struct rusage used;
        if (getrusage(whose[i], &used) == 0)
            seconds += (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                       (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    }
    return seconds;
}

static struct {
    double seconds[DENIALS_KEPT]; /* a ring; unused places are 0 */
    unsigned next;
} denials;

void password_note_denial(double seconds)
{
    denials.seconds[denials.next++ % DENIALS_KEPT] = seconds;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* The median, so that neither a busy moment nor a stack that turned somebody away before it hashed decides; 0:
 * nothing was measured yet. */
static double denial_cost(void)
{
    double sorted[DENIALS_KEPT];
    size_t count = denials.next < DENIALS_KEPT ? denials.next : DENIALS_KEPT;
    if (count == 0)
        return 0;
    memcpy(sorted, denials.seconds, sizeof(sorted));
    qsort(sorted, count, sizeof(sorted[0]), compare);
    return sorted[count / 2];
}

/* Linux-PAM from 1.6 on hashes in a helper, which the one of our name check has run: RUSAGE_CHILDREN tells. */
static int hashes_unmeasured(void)
{
    struct rusage helpers;
    bool ran = getrusage(RUSAGE_CHILDREN, &helpers) == 0 && (helpers.ru_minflt > 0 || helpers.ru_majflt > 0);
    return ran ? HASHES_BY_HELPER : HASHES_IN_PROCESS;
}

void password_spend_as_local(const char *password, double began)
{
    FILE *f = fopen("/etc/shadow", "re");
    const struct spwd *entry = NULL;

    while (f && (entry = fgetspent(f)) && !is_real_hash(entry->sp_pwdp))
        ;
    double cost = denial_cost(), until = began + cost, last = 0;
    for (int i = 0; i < HASHES_MOST; i++) {
        double from = password_clock();
        if ((cost > 0 || i > 0) && from + last / 2 >= until) /* the nearest whole number of them */
            break;
        (void)!password_verify(password, entry ? entry->sp_pwdp : NULL); /* only for the time that it takes */
        last = password_clock() - from;
        if (cost <= 0 && i == 0)
            until = began + hashes_unmeasured() * last;
    }
    if (f)
        (void)fclose(f);
}

bool password_is_hashed_locally(const char *user)
{
    /* The process ends soon and has one thread (auth.h): the plain, unlocked call is enough. */
    const struct spwd *entry = getspnam(user);
    return entry && is_real_hash(entry->sp_pwdp);
}
