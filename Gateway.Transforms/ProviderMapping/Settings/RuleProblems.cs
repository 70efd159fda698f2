namespace OpenRouterGateway.Transforms.ProviderMapping.Settings;

/// <summary>Formats lists of problems for exceptions and log lines.</summary>
internal static class RuleProblems
{
    /// <summary>Whether a list has a fault, and not only warnings.</summary>
    public static bool HasFault(IEnumerable<RuleProblem> problems) => problems.Any(static problem => !problem.IsWarning);

    /// <summary>Formats the problems, one per line.</summary>
    /// <param name="problems">The problems; warnings are left out if there are faults.</param>
    /// <param name="root">The path of the section; may be empty.</param>
    public static string Lines(IEnumerable<RuleProblem> problems, string root = "") => Join(problems, root, Environment.NewLine, "  ");

    /// <summary>Formats the problems on one line.</summary>
    /// <param name="problems">The problems; warnings are left out if there are faults.</param>
    /// <param name="root">The path of the section; may be empty.</param>
    public static string Line(IEnumerable<RuleProblem> problems, string root = "") => Join(problems, root, "; ", "");

    private static string Join(IEnumerable<RuleProblem> problems, string root, string separator, string indent)
    {
        var all = problems.ToList();
        var shown = HasFault(all) ? all.Where(static problem => !problem.IsWarning) : all;
        return string.Join(separator, shown.Select(problem =>
        {
            var path = string.Join(':', new[] { root, problem.Path }.Where(static part => part.Length > 0));
            return path.Length == 0 ? $"{indent}{problem.Message}" : $"{indent}{path}: {problem.Message}";
        }));
    }
}
