using System.CommandLine;
using Gateway.Configuration.Reading;
using Gateway.Reports;
using Gateway.Teams;

namespace Gateway.CommandLine;

/// <summary>
/// Reads the values of single flags, and checks their number and their format. The rules between flags are those of
/// <see cref="CommandLineReader"/>.
/// </summary>
/// <param name="grammar">The flags.</param>
/// <param name="args">The arguments, without the program's name.</param>
/// <param name="parsed">The arguments as System.CommandLine splits them.</param>
/// <param name="faults">Receives the faults.</param>
internal sealed class FlagReader(CommandLineGrammar grammar, IReadOnlyList<string> args, ParseResult parsed, List<SettingsFault> faults)
{
    /// <summary>The value of a flag that is given at most once.</summary>
    public string? Text(Option<string> option, string expected)
    {
        if (parsed.GetResult(option) is not { Implicit: false } given)
        {
            return null;
        }

        if (given.IdentifierTokenCount > 1)
        {
            // The label may be any key, passed by mistake.
            var values = option == grammar.KeyLabel || given.Tokens.Any(token => MayHoldSecret(token.Value))
                ? ""
                : $" ({string.Join(", ", given.Tokens.Select(token => $"\"{token.Value}\""))})";
            faults.Add(new SettingsFault(option.Name, $"given {given.IdentifierTokenCount} times{values}; expected once"));
            return null;
        }

        // A flag without a value takes the next argument as its value, also after "--flag=".
        if (args.Contains(option.Name + "=")
            || given.Tokens.Count == 0
            || string.IsNullOrWhiteSpace(given.Tokens[0].Value)
            || IsFlag(given.Tokens[0].Value))
        {
            faults.Add(new SettingsFault(option.Name, $"no value given; expected {expected}"));
            return null;
        }

        return given.Tokens[0].Value;
    }

    /// <summary>The value of a flag that is given at most once and has a format; <see langword="null"/> without a valid value.</summary>
    public string? Checked(Option<string> option, string expected, Func<string, bool> isGood)
    {
        if (Text(option, expected) is not { } text)
        {
            return null;
        }

        if (!isGood(text))
        {
            faults.Add(Fault(option, text, $"expected {expected}"));
            return null;
        }

        return text;
    }

    /// <summary>The value of a flag with a time; <see langword="null"/> without a valid value.</summary>
    public DateTimeOffset? Time(Option<string> option)
    {
        var time = default(DateTimeOffset);
        return Checked(option, UsageQuery.TimeExpected, value => UsageQuery.TryTime(value, out time)) is null ? null : time;
    }

    /// <summary>The values of a flag that may be repeated.</summary>
    public List<string> Texts(Option<string> option, string expected, Func<string, bool> isGood)
    {
        if (parsed.GetResult(option) is not { Implicit: false } given)
        {
            return [];
        }

        if (given.Tokens.Count < given.IdentifierTokenCount || args.Contains(option.Name + "="))
        {
            faults.Add(new SettingsFault(option.Name, $"no value given; expected {expected}"));
        }

        faults.AddRange(given.Tokens.Where(token => !isGood(token.Value) || IsFlag(token.Value)).Select(token =>
            IsFlag(token.Value) ? new SettingsFault(option.Name, $"no value given; expected {expected}")
            : Fault(option, token.Value, $"expected {expected}")));
        return [.. given.Tokens.Select(token => token.Value)];
    }

    /// <summary>The fault of a value, which is quoted unless it may hold a secret.</summary>
    public static SettingsFault Fault(Option option, string given, string message) => MayHoldSecret(given)
        ? new(option.Name, $"is not shown, since it may hold a key or a password; {message}")
        : new($"{option.Name} \"{given}\"", message);

    /// <summary>
    /// Whether a message must not quote a value: a key of the gateway or of OpenRouter, or an address with a user name or a password, in any
    /// flag. An <c>@</c> at the beginning has no credentials before it (<c>@preset/x</c>).
    /// </summary>
    public static bool MayHoldSecret(string value) => KeyText.IsIn(value) || value.IndexOf('@', StringComparison.Ordinal) > 0;

    private bool IsFlag(string text) => text.StartsWith('-') && Names().Contains(text.Split('=', 2)[0]);

    private IEnumerable<string> Names() =>
        grammar.Root.Options.Concat(parsed.CommandResult.Command == grammar.Root ? [] : parsed.CommandResult.Command.Options)
            .SelectMany(option => option.Aliases.Prepend(option.Name));
}
