using Gateway.Primitives;

namespace Gateway.Ledger;

/// <summary>Sums of money, as returned by SQL statements.</summary>
internal static class LedgerSums
{
    private const int PicoInMicro = 1_000_000;

    /// <summary>
    /// Adds whole micro-dollars and the remaining pico-dollars. SQL sums them separately so that neither overflows 64 bits.
    /// </summary>
    public static PicoDollars FromSums(long micro, long pico) => new(((Int128)micro * PicoInMicro) + pico);
}
