#ifndef DRAFTFS_CPCRE2_H
#define DRAFTFS_CPCRE2_H
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
// The names of the library are macros over the width of its characters, which Swift does not import.
typedef pcre2_code_8 cpcre2_code;
typedef pcre2_match_data_8 cpcre2_match_data;
typedef pcre2_match_context_8 cpcre2_context;
static inline cpcre2_code *cpcre2_compile(
    const uint8_t *pattern, size_t length, uint32_t options, int *error, size_t *offset) {
    pcre2_compile_context_8 *context = pcre2_compile_context_create_8((pcre2_general_context_8 *)0);
    if (!context) return (cpcre2_code *)0;
    // $ stands before CR LF too.
    pcre2_set_newline_8(context, PCRE2_NEWLINE_ANYCRLF);
    cpcre2_code *code = pcre2_compile_8(pattern, length, options, error, offset, context);
    pcre2_compile_context_free_8(context);
    return code;
}
// What one search may cost: steps for each place it begins at, nesting, and KiB of memory. Machine code
// counts steps in another way, and nests on a stack of its own.
static inline cpcre2_context *cpcre2_context_create(uint32_t steps, uint32_t depth, uint32_t heap) {
    cpcre2_context *context = pcre2_match_context_create_8((pcre2_general_context_8 *)0);
    if (!context) return context;
    pcre2_set_match_limit_8(context, steps);
    pcre2_set_depth_limit_8(context, depth);
    pcre2_set_heap_limit_8(context, heap);
    return context;
}
// Asked while the library matches, before each so many items of the pattern: whether it may go on.
typedef struct {
    uint32_t items;
    uint32_t interval;
    int (*goes_on)(void *);
    void *asker;
} cpcre2_watch;
static inline int cpcre2_callout(pcre2_callout_block_8 *block, void *data) {
    cpcre2_watch *watch = (cpcre2_watch *)data;
    (void)block;
    if (++watch->items < watch->interval) return 0;
    watch->items = 0;
    return watch->goes_on(watch->asker) ? 0 : PCRE2_ERROR_CALLOUT;
}
static inline void cpcre2_set_watch(cpcre2_context *context, cpcre2_watch *watch) {
    pcre2_set_callout_8(context, cpcre2_callout, watch);
}
// Machine code for the pattern, where the system allows that; without, the library goes through the
// pattern step by step. The stack is what a match may nest in: beyond, it fails with an error of its own.
static inline pcre2_jit_stack_8 *cpcre2_use_machine_code(
    cpcre2_code *code, cpcre2_context *context, size_t stack_bytes) {
    if (pcre2_jit_compile_8(code, PCRE2_JIT_COMPLETE | PCRE2_JIT_PARTIAL_HARD) != 0)
        return (pcre2_jit_stack_8 *)0;
    pcre2_jit_stack_8 *stack =
        pcre2_jit_stack_create_8(32 << 10, stack_bytes, (pcre2_general_context_8 *)0);
    if (stack) pcre2_jit_stack_assign_8(context, (pcre2_jit_callback_8)0, stack);
    return stack;
}
static inline int cpcre2_group_count(const cpcre2_code *code) {
    uint32_t count = 0;
    return pcre2_pattern_info_8(code, PCRE2_INFO_CAPTURECOUNT, &count) == 0 ? (int)count : 0;
}
static inline int cpcre2_longest_lookbehind(const cpcre2_code *code) {
    uint32_t count = 0;
    return pcre2_pattern_info_8(code, PCRE2_INFO_MAXLOOKBEHIND, &count) == 0 ? (int)count : 0;
}
static inline int cpcre2_group_number(const cpcre2_code *code, const uint8_t *name) {
    return pcre2_substring_number_from_name_8(code, name);
}
// Whether the pattern names CR or LF: if not, a match does not begin between the two.
static inline int cpcre2_names_line_ends(const cpcre2_code *code) {
    uint32_t names = 1;
    return pcre2_pattern_info_8(code, PCRE2_INFO_HASCRORLF, &names) == 0 ? (int)names : 1;
}
// The callouts before all items are what bounds the time of one match: see cpcre2_watch.
static const uint32_t CPCRE2_OPTIONS =
    PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C | PCRE2_USE_OFFSET_LIMIT | PCRE2_AUTO_CALLOUT;
// Letters and digits are those of Unicode. Bytes that are no UTF-8 match nothing, and stay.
static const uint32_t CPCRE2_UTF = PCRE2_UTF | PCRE2_UCP | PCRE2_MATCH_INVALID_UTF;
static const uint32_t CPCRE2_BYTES = PCRE2_NEVER_UTF;
static const uint32_t CPCRE2_PLAIN_START = PCRE2_NO_START_OPTIMIZE;
static const uint32_t CPCRE2_STEPWISE = PCRE2_NO_JIT;
static const uint32_t CPCRE2_PARTIAL = PCRE2_PARTIAL_HARD;
static const uint32_t CPCRE2_NOT_EMPTY_HERE = PCRE2_NOTEMPTY_ATSTART | PCRE2_ANCHORED;
// Whether a group took part in a match.
static inline int cpcre2_is_set(size_t place) { return place != PCRE2_UNSET; }
#endif
