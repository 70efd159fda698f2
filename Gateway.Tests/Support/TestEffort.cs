using System.Globalization;

namespace Gateway.Tests.Support;

/// <summary>
/// The effort of tests that draw their cases at random: <c>GATEWAY_TEST_EFFORT</c> multiplies the number of cases. It is 1 by default, so
/// that a run of all tests is short; <c>.ci/run</c> sets more. <c>GATEWAY_TEST_SEED</c> repeats a run with another seed.
/// </summary>
internal static class TestEffort
{
    private static readonly int Factor = Math.Max(1, Variable("GATEWAY_TEST_EFFORT", 1));

    /// <summary>The number of cases at the set effort.</summary>
    public static int Times(int cases) => checked(cases * Factor);

    /// <summary>The seed of a test, unless another one is set.</summary>
    public static ulong Seed(int seed) => (ulong)Variable("GATEWAY_TEST_SEED", seed);

    private static int Variable(string name, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : otherwise;
}
