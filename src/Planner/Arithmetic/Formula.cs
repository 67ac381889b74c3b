using System.Globalization;
using System.Text;

namespace Tenfold.Planner.Arithmetic;

/// <summary>
/// A formula as a reviewer reads it and as it is computed: one text, so the two cannot differ. Names (letters, digits, dashes),
/// numbers, <c>+ - * /</c> with spaces around them, parentheses, <c>ceil(x)</c>, <c>max(x, y)</c>, <c>min(x, y)</c>.
/// </summary>
internal sealed class Formula
{
    private readonly string[] _tokens;

    private Formula(string text, string[] tokens)
    {
        Text = text;
        _tokens = tokens;
    }

    public string Text { get; }

    /// <summary>The names it uses, in order, each once.</summary>
    public IEnumerable<string> Names => _tokens.Where(token => char.IsAsciiLetter(token[0]) && !IsFunction(token)).Distinct(StringComparer.Ordinal);

    public static Formula Parse(string text) => new(text, [.. Tokenize(text)]);

    /// <summary>Computes it.</summary>
    /// <param name="valueOf">Gives each name's value.</param>
    /// <param name="smooth">Leaves <c>ceil</c> out: for elasticities, which steps would hide.</param>
    public Operand Evaluate(Func<string, Operand> valueOf, bool smooth = false)
    {
        var position = 0;
        var result = Sum(valueOf, smooth, ref position);
        if (position != _tokens.Length)
            throw Fault($"'{_tokens[position]}' is not expected there");
        return result;
    }

    /// <summary>The formula with each name replaced by its number.</summary>
    public string WithNumbers(Func<string, Operand> valueOf)
    {
        var text = new StringBuilder();
        foreach (var token in _tokens)
        {
            var word = token switch
            {
                "*" => " × ",
                "/" => " ÷ ",
                "+" => " + ",
                "-" => " − ",
                "," => ", ",
                _ when char.IsAsciiLetter(token[0]) && !IsFunction(token) => Quantity.Number(valueOf(token).Value),
                _ when char.IsAsciiDigit(token[0]) => Quantity.Number(double.Parse(token, CultureInfo.InvariantCulture)),
                _ => token,
            };
            text.Append(word);
        }

        return text.ToString();
    }

    private Operand Sum(Func<string, Operand> valueOf, bool smooth, ref int position)
    {
        var left = Product(valueOf, smooth, ref position);
        while (Take("+", ref position) || Take("-", ref position))
        {
            var plus = _tokens[position - 1] == "+";
            var right = Product(valueOf, smooth, ref position);
            if (left.IsPercentile || right.IsPercentile)
                throw Fault("percentiles do not add: the p99 of a chain is not the sum of its hops' p99; measure the chain as one");
            left = new Operand(plus ? left.Value + right.Value : left.Value - right.Value);
        }

        return left;
    }

    private Operand Product(Func<string, Operand> valueOf, bool smooth, ref int position)
    {
        var left = Atom(valueOf, smooth, ref position);
        while (Take("*", ref position) || Take("/", ref position))
        {
            var times = _tokens[position - 1] == "*";
            var right = Atom(valueOf, smooth, ref position);
            if (left.IsPercentile || right.IsPercentile)
                throw Fault("a percentile times a count is no percentile: measure it, or compute with the mean (Little's law)");
            left = new Operand(times ? left.Value * right.Value : left.Value / right.Value);
        }

        return left;
    }

    private Operand Atom(Func<string, Operand> valueOf, bool smooth, ref int position)
    {
        if (position >= _tokens.Length)
            throw Fault("it ends too early");
        var token = _tokens[position++];
        if (token == "(")
        {
            var inner = Sum(valueOf, smooth, ref position);
            Expect(")", ref position);
            return inner;
        }

        if (char.IsAsciiDigit(token[0]))
            return new Operand(double.Parse(token, CultureInfo.InvariantCulture));
        return IsFunction(token) ? Call(token, valueOf, smooth, ref position) : valueOf(token);
    }

    private Operand Call(string function, Func<string, Operand> valueOf, bool smooth, ref int position)
    {
        Expect("(", ref position);
        var first = Sum(valueOf, smooth, ref position);
        if (function == "ceil")
        {
            Expect(")", ref position);
            // A tiny tolerance: 3.0000000001 machines by rounding are three.
            return first with { Value = smooth ? first.Value : Math.Ceiling(first.Value - 1e-9) };
        }

        Expect(",", ref position);
        var second = Sum(valueOf, smooth, ref position);
        Expect(")", ref position);
        var value = function == "max" ? Math.Max(first.Value, second.Value) : Math.Min(first.Value, second.Value);
        return new Operand(value, first.IsPercentile || second.IsPercentile);
    }

    private void Expect(string token, ref int position)
    {
        if (!Take(token, ref position))
            throw Fault($"'{token}' is missing");
    }

    private bool Take(string token, ref int position)
    {
        if (position >= _tokens.Length || _tokens[position] != token)
            return false;
        position++;
        return true;
    }

    private PlannerException Fault(string reason) => new($"The formula '{Text}' cannot be computed: {reason}.");

    private static bool IsFunction(string token) => token is "ceil" or "max" or "min";

    private static IEnumerable<string> Tokenize(string text)
    {
        for (var i = 0; i < text.Length;)
        {
            var start = i;
            if (text[i] == ' ')
            {
                i++;
                continue;
            }

            if (char.IsAsciiLetterOrDigit(text[i]))
            {
                var number = char.IsAsciiDigit(text[i]);
                while (i < text.Length && (char.IsAsciiLetterOrDigit(text[i]) || (number ? text[i] == '.' : text[i] == '-')))
                    i++;
            }
            else if ("+-*/(),".Contains(text[i], StringComparison.Ordinal))
            {
                i++;
            }
            else
            {
                throw new PlannerException($"The formula '{text}' has a '{text[i]}', which means nothing in it.");
            }

            yield return text[start..i];
        }
    }
}

/// <summary>A value in a formula.</summary>
/// <param name="Value">The number.</param>
/// <param name="IsPercentile">Percentiles compare, but neither add nor multiply.</param>
internal readonly record struct Operand(double Value, bool IsPercentile = false);
