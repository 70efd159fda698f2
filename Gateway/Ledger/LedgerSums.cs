using Gateway.Primitives;

namespace Gateway.Ledger;

/// <summary>Money sums returned by statements.</summary>
internal static class LedgerSums
{
    private const int PicoInMicro = 1_000_000;

    /// <summary>
    /// Adds up whole micro-dollars and remaining pico-dollars, which are summed separately so that neither overflows 64 bits.
    /// </summary>
    public static PicoDollars FromSums(long micro, long pico) => new(((Int128)micro * PicoInMicro) + pico);
}
