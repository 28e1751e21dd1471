"""Standards as data: codes, class lists, working time.

Pure modules, free of the database:

- `codes`: division, unit grid, component and matter codes
- `classes`: the class tables of GB/T 47678.5-2026 and GB/T 30428.2-2013 and the way from one to the other
- `worktime`: deadlines and elapsed working time on a calendar; `remaining_text` for people
- `holidays`: the State Council's holidays and make-up days shipped with the program

With the database: `service` (`seed`, `work_calendar`, `class_table`), fed from rows that an operator can edit.
"""
