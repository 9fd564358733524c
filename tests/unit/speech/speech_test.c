/* SPDX-License-Identifier: BSD-2-Clause */
#include "speech/speech.h"
#include "track/native/tracker.h"

#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int speak_english(void **state)
{
    (void)state;
    return speech_speak("en") ? 0 : -1;
}

static void assert_said(char *text, const char *wanted)
{
    assert_non_null(text);
    assert_string_equal(text, wanted);
    free(text);
}

/* ---- texts ---- */

static void words_stand_where_the_phrase_has_them(void **state)
{
    (void)state;
    assert_said(PHRASE(PLACE_RULE, NUMBER(3), "INPUT"), "rule 3 of INPUT");
    assert_said(PHRASE(PLACE_RULE_IN, "1", "%1$s%n", "%s"), "rule 1 of %1$s%n in the %s table");
    assert_said(PHRASE(HEADING_NOTES), "Notes");
    assert_true(speech_speak("ko"));
    assert_said(PHRASE(PLACE_RULE, NUMBER(3), "INPUT"), "INPUT의 3번 규칙");
}

static void a_word_that_could_not_be_had_leaves_none(void **state)
{
    (void)state;
    assert_null(PHRASE(PLACE_RULE, "3", NULL));
}

static void a_long_word_stays_whole_in_a_new_text(void **state)
{
    char chain[3 * SPEECH_TEXT];

    (void)state;
    memset(chain, 'x', sizeof(chain) - 1);
    chain[sizeof(chain) - 1] = '\0';
    char *text = PHRASE(PLACE_POLICY, chain);
    assert_int_equal(strlen(text), strlen("the policy of ") + sizeof(chain) - 1);
    free(text);
}

static void a_line_is_cut_and_shows_control_characters(void **state)
{
    char text[SPEECH_TEXT], tight[8] = "1234567";
    const char *const words[SPEECH_WORDS] = {"a\x1b[2Jb\nc\x7f"};

    (void)state;
    assert_string_equal(speech_text(SPEECH_VERBATIM, words, text, sizeof(text)), "a^[[2Jb^Jc^?");
    assert_string_equal(speech_text(SPEECH_LABEL_STATUS, NULL, tight, 5), "Stat");
    assert_string_equal(
        speech_text(SPEECH_RETRY_DELAY, (const char *const[SPEECH_WORDS]){"5"}, text, sizeof(text)),
        "Delaying connection for 5 seconds due to previously failed connection attempt...");
    assert_true(speech_speak("ko"));
    assert_string_equal(speech_text(SPEECH_LABEL_STATUS, NULL, text, sizeof(text)), "상태:");
    assert_string_equal(speech_text(SPEECH_LABEL_COMMAND, NULL, text, sizeof(text)), "명령:");
    assert_string_equal(speech_text(SPEECH_LABEL_RESPONSE, NULL, text, sizeof(text)), "응답:");
    assert_string_equal(speech_text(SPEECH_LABEL_ERROR, NULL, text, sizeof(text)), "오류:");
}

/* What other rooms say in English has to be a phrase's, word for word. */
static void what_tracking_says_is_translated(void **state)
{
    (void)state;
    assert_true(speech_speak("ko"));
    for (int reason = 0; reason < TRACK_REASONS; reason++) {
        const char *english = track_reason_text((enum track_reason)reason);
        assert_string_not_equal(speech_of(english), english);
    }
    assert_string_equal(speech_of("no phrase"), "no phrase");
}

/* And what the C library says of the errors that people meet. */
static void what_the_system_says_is_translated(void **state)
{
    static const int errors[] = {
        ENOENT, EACCES, EPERM,  EEXIST,    EISDIR,       ENOTDIR,       ENOSPC,     EDQUOT,
        EFBIG,  EROFS,  EIO,    EINVAL,    ENAMETOOLONG, ELOOP,         EMFILE,     ENOMEM,
        EBUSY,  EILSEQ, EPROTO, ENOTEMPTY, EPIPE,        ENXIO,         EOPNOTSUPP, ETXTBSY,
        ESTALE, EXDEV,  ENFILE, EAGAIN,    EADDRINUSE,   EADDRNOTAVAIL, ENETDOWN,   ECONNABORTED};

    (void)state;
    assert_true(speech_speak("ko"));
    for (size_t i = 0; i < COUNT(errors); i++)
        assert_string_not_equal(speech_of(strerror(errors[i])), strerror(errors[i]));
}

/* ---- languages ---- */

static void languages_by_name(void **state)
{
    static const char *const korean[] = {"ko", "ko_KR", "ko_KR.UTF-8", "ko.utf8", "ko_KR.UTF-8@x"};
    static const char *const none[] = {"", "k", "kor", "ko_KR.EUC-KR", "ko_KR.eucKR", "de_DE.UTF-8", "KO"};

    (void)state;
    for (size_t i = 0; i < COUNT(korean); i++) {
        assert_true(speech_speak("en_US.UTF-8"));
        assert_string_equal(speech_language(), "en");
        assert_true(speech_speak(korean[i]));
        assert_string_equal(speech_language(), "ko");
    }
    for (size_t i = 0; i < COUNT(none); i++) {
        assert_false(speech_speak(none[i]));
        assert_string_equal(speech_language(), "ko");
    }
    assert_true(speech_speak("C"));
    assert_string_equal(speech_language(), "en");
}

static void languages_of_the_environment(void **state)
{
    static const struct {
        const char *all, *messages, *lang, *list, *spoken;
    } cases[] = {
        {NULL, NULL, NULL, NULL, "en"},
        {NULL, NULL, "ko_KR.UTF-8", NULL, "ko"},
        {NULL, "ko_KR.UTF-8", "C", NULL, "ko"},
        {"ko_KR.UTF-8", "en_US.UTF-8", "C", NULL, "ko"},
        {"C", "ko_KR.UTF-8", "ko_KR.UTF-8", NULL, "en"},
        {"", "", "ko_KR.UTF-8", "", "ko"},
        {NULL, NULL, "ko_KR.EUC-KR", NULL, "en"},
        {NULL, NULL, "de_DE.UTF-8", NULL, "en"},
        /* LANGUAGE */
        {NULL, NULL, NULL, "ko", "ko"},
        {NULL, NULL, "en_US.UTF-8", "ko:en", "ko"},
        {NULL, NULL, "ko_KR.UTF-8", "en:ko", "en"},
        {NULL, NULL, "en_US.UTF-8", "de:ko", "ko"},
        {NULL, NULL, "ko_KR.UTF-8", "de:fr", "ko"},
        {"C", NULL, NULL, "ko", "en"},
        {"POSIX", NULL, NULL, "ko", "en"},
        {NULL, NULL, "C.UTF-8", "ko", "en"},
        {NULL, NULL, "en_US.ISO-8859-1", "ko", "en"},
    };
    static const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG", "LANGUAGE"};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *const values[] = {cases[i].all, cases[i].messages, cases[i].lang, cases[i].list};
        for (size_t k = 0; k < COUNT(names); k++)
            assert_int_equal(values[k] ? setenv(names[k], values[k], 1) : unsetenv(names[k]), 0);
        speech_speak_locale();
        assert_string_equal(speech_language(), cases[i].spoken);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(words_stand_where_the_phrase_has_them, speak_english),
        cmocka_unit_test_teardown(a_word_that_could_not_be_had_leaves_none, speak_english),
        cmocka_unit_test_teardown(a_long_word_stays_whole_in_a_new_text, speak_english),
        cmocka_unit_test_teardown(a_line_is_cut_and_shows_control_characters, speak_english),
        cmocka_unit_test_teardown(what_tracking_says_is_translated, speak_english),
        cmocka_unit_test_teardown(what_the_system_says_is_translated, speak_english),
        cmocka_unit_test_teardown(languages_by_name, speak_english),
        cmocka_unit_test_teardown(languages_of_the_environment, speak_english),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
