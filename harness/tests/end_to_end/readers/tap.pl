# Reads TAP with Perl's own TAP::Parser, which `prove` is made of, and prints what it understood, a line each.
use strict;
use warnings;
use TAP::Parser;

local $/;
my $parser = TAP::Parser->new({ tap => scalar <STDIN> });
$parser->run;
print 'planned ', $parser->tests_planned, "\n";
print 'run ', $parser->tests_run, "\n";
print 'passed ', join(' ', $parser->actual_passed), "\n";
print 'failed ', join(' ', $parser->actual_failed), "\n";
print 'skipped ', join(' ', $parser->skipped), "\n";
print 'todo ', join(' ', $parser->todo), "\n";
print 'bailed out ', ($parser->{bailed_out} ? 'yes' : 'no'), "\n";
print "error $_\n" for $parser->parse_errors;
