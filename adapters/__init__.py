"""How a department's registry is read: five forms of delivery behind one small port."""
