/* Answers CPUID with fewer features, for programs whose cpuid instructions were replaced by ud2 (x86_levels.py).
 * CPU_LEVEL: 1 AVX-512 without VNNI, 2 AVX-VNNI without AVX-512, 3 AVX2, 4 SSE4.1; 0 changes nothing. */
#define _GNU_SOURCE
#include <cpuid.h>
#include <signal.h>
#include <stdlib.h>
#include <ucontext.h>

#define BIT(n) (1u << (n))

static int level;

static void answer(int number, siginfo_t *info, void *context) {
    (void)number, (void)info;
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    const unsigned char *code = (const unsigned char *)registers[REG_RIP];
    if (code[0] != 0x0f || code[1] != 0x0b) {
        signal(SIGILL, SIG_DFL);
        return;
    }
    unsigned leaf = registers[REG_RAX], subleaf = registers[REG_RCX], a, b, c, d;
    __cpuid_count(leaf, subleaf, a, b, c, d);
    if (leaf == 7 && subleaf == 0) {
        if (level >= 1) d &= ~(BIT(22) | BIT(24) | BIT(25)); /* AMX */
        if (level >= 1) c &= ~BIT(11); /* AVX512_VNNI */
        if (level >= 2) { /* AVX-512 */
            b &= ~(BIT(16) | BIT(17) | BIT(21) | BIT(26) | BIT(27) | BIT(28) | BIT(30) | BIT(31));
            c &= ~(BIT(1) | BIT(6) | BIT(12) | BIT(14));
            d &= ~(BIT(2) | BIT(3) | BIT(8) | BIT(23));
        }
        if (level >= 4) b &= ~BIT(5); /* AVX2 */
    }
    if (leaf == 7 && subleaf == 1) {
        if (level == 1 || level >= 3) a &= ~BIT(4), d &= ~(BIT(4) | BIT(10)); /* AVX-VNNI, -INT8, -INT16 */
        if (level >= 2) a &= ~BIT(5), d &= ~BIT(19); /* AVX512_BF16, AVX10 */
    }
    if (leaf == 1 && level >= 4) c &= ~(BIT(12) | BIT(28) | BIT(29)); /* FMA, AVX, F16C */
    registers[REG_RAX] = a, registers[REG_RBX] = b, registers[REG_RCX] = c, registers[REG_RDX] = d;
    registers[REG_RIP] += 2;
}

__attribute__((constructor)) static void begin(void) {
    const char *asked = getenv("CPU_LEVEL");
    struct sigaction action = {.sa_sigaction = answer, .sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK};
    level = asked ? atoi(asked) : 0;
    sigaction(SIGILL, &action, NULL);
}
