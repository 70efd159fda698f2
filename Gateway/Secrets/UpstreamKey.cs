using System.Security.Cryptography;
using System.Text;

namespace Gateway.Secrets;

/// <summary>
/// An OpenRouter key. Only <see cref="Reveal"/> returns the text, so that it cannot be formatted into a message by accident.
/// </summary>
/// <param name="value">The key.</param>
/// <param name="name">The reference in the settings that led to the key, such as <c>env:OPENROUTER_API_KEY</c>. It is no secret.</param>
internal sealed class UpstreamKey(string value, string name = "")
{
    private const int MarkBytes = 6;

    private string? _mark;

    /// <summary>The beginning of the key's SHA-256, which tells keys apart and does not reveal them.</summary>
    public string Mark => _mark ??= Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(value)).AsSpan(0, MarkBytes));

    /// <summary>The key's name in the ledger: its reference in the settings.</summary>
    public string Name { get; } = name;

    /// <summary>The text of the key, for the header of a request to upstream only.</summary>
    public string Reveal() => value;

    /// <inheritdoc />
    public override string ToString() => "(secret)";
}
