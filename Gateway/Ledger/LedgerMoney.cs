using Gateway.Primitives;

namespace Gateway.Ledger;

/// <summary>Sums of money as statements return them.</summary>
internal static class LedgerMoney
{
    private const int PicoInMicro = 1_000_000;

    /// <summary>A sum of pico-dollars whose whole millions were summed up apart from the rest, so that neither leaves 64 bits.</summary>
    public static PicoDollars FromSums(long micro, long pico) => new(((Int128)micro * PicoInMicro) + pico);
}
