using System.Globalization;

namespace Soak;

/// <summary>The conditions for the success of a run.</summary>
internal sealed class CheckList
{
    private static readonly TimeSpan EndPatience = TimeSpan.FromSeconds(30);

    private readonly List<Check> _checks = [];

    /// <summary>All conditions in the order of the report.</summary>
    public IReadOnlyList<Check> All => _checks;

    /// <summary>Whether all of them hold.</summary>
    public bool Hold => _checks.TrueForAll(check => check.Holds);

    public void Add(string name, string found, string bound, bool holds) => _checks.Add(new Check(name, found, bound, holds));

    /// <summary>Adds a number that must be zero.</summary>
    public void Zero(string name, long found) => Add(name, found.ToString(CultureInfo.InvariantCulture), "0", found == 0);

    /// <summary>Adds a list that must be empty.</summary>
    public void None(string name, IReadOnlyList<string> found) =>
        Add(name, found.Count == 0 ? "0" : string.Join("; ", found), "0", found.Count == 0);

    /// <summary>Ends the gateway by SIGTERM, which must end it in time and with exit code 0.</summary>
    public async Task EndAsync(ServedProcess gateway)
    {
        var died = gateway.HasExited;
        var exitCode = died ? null : await gateway.TerminateAsync(EndPatience);
        Add("exit code at SIGTERM", died ? "it had died" : exitCode is { } code ? Bodies.Number(code) : "none in time", "0", exitCode == 0);
    }
}
