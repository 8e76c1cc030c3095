"""Texts from outside: lines of text and the rows of tables, out of files and standard input, in bounded memory."""
