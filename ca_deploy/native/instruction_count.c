/* A QEMU TCG plugin that counts the instructions of timed inferences, by class, exactly.
 *
 * The runner stands every timed inference between two system calls, prctl(0x43410001) and prctl(0x43410002). At the
 * second the counts since the first are added up; at the end they are written to the file that the environment variable
 * CA_DEPLOY_COUNTS names. Without marks the file says that no inference was seen.
 *
 * Classes are those of the A64 encoding (Arm Architecture Reference Manual, C4.1, bits 28 to 25).
 */
#include "qemu_plugin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

EXPORT int qemu_plugin_version = 1;

enum { TOTAL, SIMD, DOT_PRODUCT, LOAD_STORE, BRANCH, CLASSES };
static const char *const names[CLASSES] = {"total", "simd", "dot_product", "load_store", "branch"};
static uint64_t count[CLASSES], begin[CLASSES], sum[CLASSES];
static uint64_t inferences;

/* SDOT, UDOT, USDOT, SUDOT (by vector and by element), SMMLA, UMMLA, USMMLA. */
static int is_dot_product(uint32_t word) {
    return (word & 0x9F20FC00) == 0x0E009400 || (word & 0x9F20FC00) == 0x0E009C00 || (word & 0x9F00F400) == 0x0F00E000 ||
           (word & 0xBF00F400) == 0x0F00F000 || (word & 0xDFE0F400) == 0x4E80A400;
}

static void on_translate(qemu_plugin_id_t id, struct qemu_plugin_tb *block) {
    (void)id;
    size_t n = qemu_plugin_tb_n_insns(block);
    uint64_t here[CLASSES] = {[TOTAL] = n};
    for (size_t i = 0; i < n; i++) {
        uint32_t word;
        memcpy(&word, qemu_plugin_insn_data(qemu_plugin_tb_get_insn(block, i)), sizeof word);
        uint32_t group = word >> 25 & 15;
        if ((group & 5) == 4)
            here[LOAD_STORE]++;
        else if ((group & 7) == 7) {
            here[SIMD]++;
            here[DOT_PRODUCT] += (uint64_t)is_dot_product(word);
        } else if ((group & 14) == 10)
            here[BRANCH]++;
    }
    for (int c = 0; c < CLASSES; c++)
        if (here[c]) qemu_plugin_register_vcpu_tb_exec_inline(block, QEMU_PLUGIN_INLINE_ADD_U64, &count[c], here[c]);
}

static void on_syscall(qemu_plugin_id_t id, unsigned vcpu, int64_t number, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
                       uint64_t a5, uint64_t a6, uint64_t a7, uint64_t a8) {
    (void)id, (void)vcpu, (void)a2, (void)a3, (void)a4, (void)a5, (void)a6, (void)a7, (void)a8;
    before_getcpu(number, a1);
    if (number != PRCTL) return;
    if (a1 == MARK_BEGIN) memcpy(begin, count, sizeof begin);
    if (a1 == MARK_END) {
        for (int c = 0; c < CLASSES; c++) sum[c] += count[c] - begin[c];
        inferences++;
    }
}

static void after_syscall(qemu_plugin_id_t id, unsigned vcpu, int64_t number, int64_t result) {
    (void)id, (void)vcpu;
    after_getcpu(number, result);
}

static void at_exit(qemu_plugin_id_t id, void *unused) {
    (void)id, (void)unused;
    const char *path = getenv("CA_DEPLOY_COUNTS");
    FILE *file = path ? fopen(path, "w") : NULL;
    if (!file) return;
    fprintf(file, "{\"inferences\":%llu", (unsigned long long)inferences);
    for (int c = 0; c < CLASSES; c++) fprintf(file, ",\"%s\":%llu", names[c], (unsigned long long)sum[c]);
    fputs("}\n", file);
    fclose(file);
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv) {
    (void)info, (void)argc, (void)argv;
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
    qemu_plugin_register_vcpu_syscall_cb(id, on_syscall);
    qemu_plugin_register_vcpu_syscall_ret_cb(id, after_syscall);
    qemu_plugin_register_atexit_cb(id, at_exit, NULL);
    return 0;
}
