using System.Security.Cryptography;
using System.Text;
using Gateway.Primitives;
using Gateway.Secrets;

namespace Gateway.Configuration.Reading;

/// <summary>
/// Resolves references to secrets, <c>env:NAME</c> and <c>file:PATH</c>. Messages name the reference, never the secret. A value that is not
/// a reference is not shown, since it may be the secret itself.
/// </summary>
internal sealed class SecretReader
{
    private const string Env = "env:";
    private const string File = "file:";

    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly Func<string, string?> _variable;
    private readonly string _workingDirectory;
    private readonly SecretNeeds _needs;
    private readonly bool _isReload;
    private readonly List<SettingsFault> _unresolved = [];
    private readonly OrderedDictionary<string, (SecretFile File, FileContent Content)> _files = new(StringComparer.Ordinal);
    private readonly List<string> _found = [];

    /// <summary>Creates a reader.</summary>
    /// <param name="variable">Returns a variable of the environment or of <c>.env</c>; <see langword="null"/> if it is not set.</param>
    /// <param name="workingDirectory">The base of relative paths.</param>
    /// <param name="needs">The secrets that must resolve.</param>
    /// <param name="isReload">Whether the gateway runs, so that a pipe is not opened.</param>
    public SecretReader(
        Func<string, string?> variable, string workingDirectory, SecretNeeds needs = SecretNeeds.All, bool isReload = false)
    {
        _needs = needs;
        _isReload = isReload;
        _variable = variable;
        _workingDirectory = workingDirectory;
    }

    /// <summary>The referenced files, as they were read.</summary>
    public IReadOnlyList<SecretFile> Files => [.. _files.Values.Select(file => file.File)];

    /// <summary>The references that do not resolve and need not, as warnings.</summary>
    public IReadOnlyList<SettingsFault> Unresolved => _unresolved;

    /// <summary>Whether a file was missing or empty, as in the middle of a write.</summary>
    public bool IsUnfinished { get; private set; }

    /// <summary>
    /// A hash over all secrets, in order. It is part of the settings' version: a changed secret changes the settings although their text
    /// stays the same.
    /// </summary>
    public string Fingerprint => Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', _found))));

    /// <summary>Whether a value is a reference.</summary>
    public static bool IsReference(string text)
    {
        var trimmed = text.AsSpan().Trim();
        return trimmed.StartsWith(Env, StringComparison.OrdinalIgnoreCase) || trimmed.StartsWith(File, StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>Reads a secret that is sent in a header.</summary>
    public string? ReadHeaderValue(string text, bool allowsLiteral, string name, SettingsFaultCollector faults)
    {
        var secret = Read(text, allowsLiteral, name, faults);
        if (secret is not null && !secret.All(c => c is > ' ' and < '\u007F'))
        {
            faults.Fault(name, "contains a space or another character that headers do not allow; expected printable ASCII");
            return null;
        }

        return secret;
    }

    /// <summary>Reads a secret.</summary>
    /// <param name="text">The reference, or the secret itself where allowed.</param>
    /// <param name="allowsLiteral">Whether the value may be the secret itself.</param>
    /// <param name="name">The setting, relative to its section.</param>
    /// <param name="faults">Receives the fault.</param>
    /// <param name="isOfLedger">Whether it is the ledger's connection string.</param>
    /// <returns>The trimmed secret; <see langword="null"/> after a fault, or if it does not resolve and need not.</returns>
    public string? Read(string text, bool allowsLiteral, string name, SettingsFaultCollector faults, bool isOfLedger = false)
    {
        text = text.Trim();
        var isNeeded = _needs == SecretNeeds.All || (_needs == SecretNeeds.Ledger && isOfLedger);
        var secret = text.StartsWith(Env, StringComparison.OrdinalIgnoreCase) ? ReadVariable(text[Env.Length..].Trim(), name, faults, isNeeded)
            : text.StartsWith(File, StringComparison.OrdinalIgnoreCase) ? ReadFile(text[File.Length..].Trim(), name, faults, isNeeded)
            : allowsLiteral && text.Length > 0 ? text
            : null;
        if (secret is null && !IsReference(text))
        {
            faults.Fault(name, text.Length == 0
                ? "is empty; expected env:NAME or file:PATH"
                : "is not a reference to a secret and is not shown, since it may be a secret; expected env:NAME or file:PATH");
        }

        if (secret is not null)
        {
            _found.Add(Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(secret))));
        }

        return secret;
    }

    private void NoteUnresolved(string name, string problem, string expected, SettingsFaultCollector faults, bool isNeeded)
    {
        if (isNeeded)
        {
            faults.Fault(name, problem + expected);
            return;
        }

        var message = $"{problem} here; the gateway needs it at its start";
        faults.Warn(name, message);
        _unresolved.Add(new SettingsFault(faults.PathOf(name), message));
    }

    private string? ReadVariable(string variable, string name, SettingsFaultCollector faults, bool isNeeded)
    {
        if (variable.Length == 0 || char.IsAsciiDigit(variable[0]) || !variable.All(c => char.IsAsciiLetterOrDigit(c) || c == '_'))
        {
            faults.Fault(name, "has no variable name after env:; expected letters, digits and '_'");
            return null;
        }

        if (_variable(variable)?.Trim() is { Length: > 0 } value)
        {
            return value;
        }

        NoteUnresolved(name, $"env:{variable} is not set or empty", "; expected it in the environment or in .env", faults, isNeeded);
        return null;
    }

    private string? ReadFile(string path, string name, SettingsFaultCollector faults, bool isNeeded)
    {
        if (path.Length == 0 || path.Contains('\0', StringComparison.Ordinal))
        {
            faults.Fault(name, "has no path after file:; expected file:PATH");
            return null;
        }

        var absolute = Path.GetFullPath(path, _workingDirectory);
        if (!_files.TryGetValue(absolute, out var read))
        {
            _files.Add(absolute, read = SecretFile.Read(absolute, _isReload));
        }

        var content = read.Content;
        if (content.Bytes is not { } bytes)
        {
            IsUnfinished |= content.IsMissing;
            NoteUnresolved(name, $"file:{path} {content.Fault ?? "does not exist"}", "", faults, isNeeded);
            return null;
        }

        try
        {
            var preamble = Encoding.UTF8.Preamble;
            var text = Strict.GetString(bytes.AsSpan().StartsWith(preamble) ? bytes.AsSpan(preamble.Length) : bytes).Trim();
            if (text.Length > 0)
            {
                return text;
            }

            IsUnfinished = true;
            NoteUnresolved(name, $"file:{path} is empty", "; expected the secret and nothing else", faults, isNeeded);
        }
        catch (DecoderFallbackException)
        {
            faults.Fault(name, $"file:{path} is not UTF-8 text");
        }

        return null;
    }
}
