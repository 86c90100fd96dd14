; ModuleID = "cellwright"
target triple = "unknown-unknown-unknown"
target datalayout = ""

define void @"forward"(ptr %"numbers", ptr %"addresses", i64 %"steps", i64 %"first", i64 %"last")
{
entry:
  %".7" = getelementptr i64, ptr %"numbers", i64 0
  %"chunk" = load i64, ptr %".7", align 8
  %".8" = getelementptr i64, ptr %"numbers", i64 1
  %"product function" = load i64, ptr %".8", align 8
  %".9" = inttoptr i64 %"product function" to void (i64, ptr, i64, i64, i64, i64, ptr, ptr, i64, i64)*
  %".10" = getelementptr i64, ptr %"numbers", i64 2
  %"lengths.row" = load i64, ptr %".10", align 8
  %".19" = getelementptr i64, ptr %"numbers", i64 3
  %"state h.mask" = load i64, ptr %".19", align 8
  %".21" = getelementptr i64, ptr %"addresses", i64 0
  %"tensor @output" = load i64, ptr %".21", align 8
  %".22" = getelementptr i64, ptr %"numbers", i64 4
  %"state h.offset" = load i64, ptr %".22", align 8
  %".23" = add i64 %"tensor @output", %"state h.offset"
  %"state h" = inttoptr i64 %".23" to ptr
  %".24" = getelementptr i64, ptr %"numbers", i64 5
  %"state h.time" = load i64, ptr %".24", align 8
  %".27" = getelementptr i64, ptr %"addresses", i64 1
  %"tensor h" = load i64, ptr %".27", align 8
  %".28" = getelementptr i64, ptr %"numbers", i64 6
  %"state h.initial.offset" = load i64, ptr %".28", align 8
  %".29" = add i64 %"tensor h", %"state h.initial.offset"
  %"state h.initial" = inttoptr i64 %".29" to ptr
  %".30" = getelementptr i64, ptr %"numbers", i64 7
  %"state h.initial.row" = load i64, ptr %".30", align 8
  %".31" = getelementptr i64, ptr %"numbers", i64 8
  %"state h.row" = load i64, ptr %".31", align 8
  %".37" = alloca i64
  %".45" = getelementptr i64, ptr %"addresses", i64 2
  %"tensor @lengths" = load i64, ptr %".45", align 8
  %".46" = getelementptr i64, ptr %"numbers", i64 9
  %"lengths.offset" = load i64, ptr %".46", align 8
  %".47" = add i64 %"tensor @lengths", %"lengths.offset"
  %"lengths" = inttoptr i64 %".47" to ptr
  %".65" = alloca i1
  %".67" = getelementptr i64, ptr %"numbers", i64 10
  %"resets.row" = load i64, ptr %".67", align 8
  %".75" = getelementptr i64, ptr %"numbers", i64 11
  %"resets.time" = load i64, ptr %".75", align 8
  %".79" = getelementptr i64, ptr %"addresses", i64 3
  %"tensor @resets" = load i64, ptr %".79", align 8
  %".80" = getelementptr i64, ptr %"numbers", i64 12
  %"resets.offset" = load i64, ptr %".80", align 8
  %".81" = add i64 %"tensor @resets", %"resets.offset"
  %"resets" = inttoptr i64 %".81" to ptr
  %".91" = getelementptr i64, ptr %"addresses", i64 4
  %"tensor @scratch" = load i64, ptr %".91", align 8
  %".92" = getelementptr i64, ptr %"numbers", i64 13
  %"state h.entered.offset" = load i64, ptr %".92", align 8
  %".93" = add i64 %"tensor @scratch", %"state h.entered.offset"
  %"state h.entered" = inttoptr i64 %".93" to ptr
  %".94" = getelementptr i64, ptr %"numbers", i64 14
  %"state h.entered.row" = load i64, ptr %".94", align 8
  %".106" = getelementptr i64, ptr %"numbers", i64 15
  %"size unit" = load i64, ptr %".106", align 8
  %".107" = mul i64 1, %"size unit"
  %".153" = getelementptr i64, ptr %"addresses", i64 5
  %"tensor x" = load i64, ptr %".153", align 8
  %".154" = getelementptr i64, ptr %"numbers", i64 16
  %"input x.offset" = load i64, ptr %".154", align 8
  %".155" = add i64 %"tensor x", %"input x.offset"
  %"input x" = inttoptr i64 %".155" to ptr
  %".156" = getelementptr i64, ptr %"numbers", i64 17
  %"input x.time" = load i64, ptr %".156", align 8
  %".159" = getelementptr i64, ptr %"numbers", i64 18
  %"input x.row" = load i64, ptr %".159", align 8
  %".160" = getelementptr i64, ptr %"numbers", i64 19
  %"product 0.0.offset" = load i64, ptr %".160", align 8
  %".161" = add i64 %"tensor @scratch", %"product 0.0.offset"
  %"product 0.0" = inttoptr i64 %".161" to ptr
  %".162" = getelementptr i64, ptr %"numbers", i64 20
  %"product 0.0.time" = load i64, ptr %".162", align 8
  %".165" = getelementptr i64, ptr %"numbers", i64 21
  %"product 0.0.row" = load i64, ptr %".165", align 8
  %".169" = getelementptr i64, ptr %"numbers", i64 22
  %"matrix 0.0.depth" = load i64, ptr %".169", align 8
  %".170" = getelementptr i64, ptr %"numbers", i64 23
  %"matrix 0.0.columns" = load i64, ptr %".170", align 8
  %".171" = getelementptr i64, ptr %"addresses", i64 6
  %"tensor @packed" = load i64, ptr %".171", align 8
  %".172" = getelementptr i64, ptr %"numbers", i64 24
  %"matrix 0.0.offset" = load i64, ptr %".172", align 8
  %".173" = add i64 %"tensor @packed", %"matrix 0.0.offset"
  %"matrix 0.0" = inttoptr i64 %".173" to ptr
  %".183" = getelementptr i64, ptr %"numbers", i64 25
  %"matrix 0.1.depth" = load i64, ptr %".183", align 8
  %".184" = getelementptr i64, ptr %"numbers", i64 26
  %"matrix 0.1.columns" = load i64, ptr %".184", align 8
  %".185" = getelementptr i64, ptr %"numbers", i64 27
  %"matrix 0.1.offset" = load i64, ptr %".185", align 8
  %".186" = add i64 %"tensor @packed", %"matrix 0.1.offset"
  %"matrix 0.1" = inttoptr i64 %".186" to ptr
  %".230" = getelementptr i64, ptr %"addresses", i64 7
  %"tensor bias_ih" = load i64, ptr %".230", align 8
  %".231" = getelementptr i64, ptr %"numbers", i64 28
  %"parameter bias_ih.u.offset" = load i64, ptr %".231", align 8
  %".232" = add i64 %"tensor bias_ih", %"parameter bias_ih.u.offset"
  %"parameter bias_ih.u" = inttoptr i64 %".232" to ptr
  %".233" = getelementptr i64, ptr %"numbers", i64 29
  %"parameter bias_ih.u.time" = load i64, ptr %".233", align 8
  %".236" = getelementptr i64, ptr %"numbers", i64 30
  %"parameter bias_ih.u.row" = load i64, ptr %".236", align 8
  %".342" = getelementptr i64, ptr %"addresses", i64 8
  %"tensor @final h" = load i64, ptr %".342", align 8
  %".343" = getelementptr i64, ptr %"numbers", i64 31
  %"final h.offset" = load i64, ptr %".343", align 8
  %".344" = add i64 %"tensor @final h", %"final h.offset"
  %"final h" = inttoptr i64 %".344" to ptr
  %".345" = getelementptr i64, ptr %"numbers", i64 32
  %"final h.row" = load i64, ptr %".345", align 8
  br label %"start"
start:
  %".11" = icmp ne i64 %"lengths.row", 0
  br label %"head"
head:
  %".13" = phi  i64 [0, %"start"], [%".324", %"after.4"]
  %".14" = icmp slt i64 %".13", %"steps"
  br i1 %".14", label %"body", label %"after"
body:
  %".16" = srem i64 %".13", %"chunk"
  %".17" = icmp eq i64 %".13", 0
  %".18" = sub i64 %".13", 1
  %".20" = and i64 %".18", %"state h.mask"
  %".25" = mul i64 %"state h.time", %".20"
  %".26" = getelementptr float, ptr %"state h", i64 %".25"
  %".32" = select  i1 %".17", i64 %"state h.initial.row", i64 %"state h.row"
  %".33" = select  i1 %".17", ptr %"state h.initial", ptr %".26"
  %".34" = and i64 %".13", %"state h.mask"
  %".35" = mul i64 %"state h.time", %".34"
  %".36" = getelementptr float, ptr %"state h", i64 %".35"
  store i64 %"last", i64* %".37", align 8
  br i1 %".11", label %"body.if", label %"body.endif"
after:
  br label %"head.7"
body.if:
  br label %"top"
body.endif:
  %".56" = load i64, i64* %".37", align 8
  %".57" = sub i64 %".56", %"first"
  %".58" = sub i64 4, 1
  %".59" = add i64 %".57", %".58"
  %".60" = sdiv i64 %".59", 4
  %".61" = mul i64 %".60", 4
  %".62" = add i64 %"first", %".61"
  %".63" = icmp slt i64 %".62", %"last"
  %".64" = select  i1 %".63", i64 %".62", i64 %"last"
  store i1 0, i1* %".65"
  %".68" = icmp ne i64 %"resets.row", 0
  br i1 %".68", label %"body.endif.if", label %"body.endif.endif"
top:
  %".41" = load i64, i64* %".37", align 8
  %".42" = sub i64 %".41", 1
  %".43" = icmp sge i64 %".42", %"first"
  br i1 %".43", label %"lower", label %"found"
lower:
  %".48" = mul i64 %".42", %"lengths.row"
  %".49" = getelementptr i64, ptr %"lengths", i64 %".48"
  %".50" = load i64, ptr %".49", align 8
  %".51" = icmp sle i64 %".50", %".13"
  br i1 %".51", label %"lowered", label %"found"
found:
  br label %"body.endif"
lowered:
  store i64 %".42", i64* %".37", align 8
  br label %"top"
body.endif.if:
  br label %"head.1"
body.endif.endif:
  %".90" = load i1, i1* %".65"
  br i1 %".90", label %"body.endif.endif.if", label %"body.endif.endif.endif"
head.1:
  %".71" = phi  i64 [%"first", %"body.endif.if"], [%".87", %"body.1"]
  %".72" = icmp slt i64 %".71", %"last"
  br i1 %".72", label %"body.1", label %"after.1"
body.1:
  %".74" = load i1, i1* %".65"
  %".76" = mul i64 %".13", %"resets.time"
  %".77" = mul i64 %".71", %"resets.row"
  %".78" = add i64 %".76", %".77"
  %".82" = getelementptr i8, ptr %"resets", i64 %".78"
  %".83" = load i8, ptr %".82", align 1
  %".84" = icmp ne i8 %".83", 0
  %".85" = or i1 %".74", %".84"
  store i1 %".85", i1* %".65"
  %".87" = add i64 %".71", 1
  br label %"head.1"
after.1:
  br label %"body.endif.endif"
body.endif.endif.if:
  br label %"head.2"
body.endif.endif.endif:
  %".143" = select  i1 %".90", ptr %"state h.entered", ptr %".33"
  %".144" = select  i1 %".90", i64 %"state h.entered.row", i64 %".32"
  %".145" = icmp eq i64 %".16", 0
  br i1 %".145", label %"body.endif.endif.endif.if", label %"body.endif.endif.endif.endif"
head.2:
  %".97" = phi  i64 [%"first", %"body.endif.endif.if"], [%".140", %"after.3.endif"]
  %".98" = icmp slt i64 %".97", %"last"
  br i1 %".98", label %"body.2", label %"after.2"
body.2:
  %".100" = mul i64 %".13", %"resets.time"
  %".101" = mul i64 %".97", %"resets.row"
  %".102" = add i64 %".100", %".101"
  %".103" = getelementptr i8, ptr %"resets", i64 %".102"
  %".104" = load i8, ptr %".103", align 1
  %".105" = icmp ne i8 %".104", 0
  %".108" = and i64 %".107", -4
  br label %"head.3"
after.2:
  br label %"body.endif.endif.endif"
head.3:
  %".110" = phi  i64 [0, %"body.2"], [%".122", %"body.3"]
  %".111" = icmp slt i64 %".110", %".108"
  br i1 %".111", label %"body.3", label %"after.3"
body.3:
  %".113" = mul i64 %".32", %".97"
  %".114" = getelementptr float, ptr %".33", i64 %".113"
  %".115" = getelementptr float, ptr %".114", i64 %".110"
  %".116" = load <4 x float>, ptr %".115", align 4
  %".117" = select  i1 %".105", <4 x float> <float              0x0, float              0x0, float              0x0, float              0x0>, <4 x float> %".116"
  %".118" = mul i64 %"state h.entered.row", %".97"
  %".119" = getelementptr float, ptr %"state h.entered", i64 %".118"
  %".120" = getelementptr float, ptr %".119", i64 %".110"
  store <4 x float> %".117", ptr %".120", align 4
  %".122" = add i64 %".110", 4
  br label %"head.3"
after.3:
  %".124" = icmp slt i64 %".108", %".107"
  br i1 %".124", label %"after.3.if", label %"after.3.endif"
after.3.if:
  %".126" = sub i64 %".107", %".108"
  %".127" = insertelement <4 x i64> <i64 undef, i64 undef, i64 undef, i64 undef>, i64 %".126", i32 0
  %".128" = shufflevector <4 x i64> %".127", <4 x i64> <i64 undef, i64 undef, i64 undef, i64 undef>, <4 x i32> <i32 0, i32 0, i32 0, i32 0>
  %".129" = icmp slt <4 x i64> <i64 0, i64 1, i64 2, i64 3>, %".128"
  %".130" = mul i64 %".32", %".97"
  %".131" = getelementptr float, ptr %".33", i64 %".130"
  %".132" = getelementptr float, ptr %".131", i64 %".108"
  %".133" = call <4 x float> @"llvm.masked.load.v4f32.p0"(ptr %".132", i32 4, <4 x i1> %".129", <4 x float> <float              0x0, float              0x0, float              0x0, float              0x0>)
  %".134" = select  i1 %".105", <4 x float> <float              0x0, float              0x0, float              0x0, float              0x0>, <4 x float> %".133"
  %".135" = mul i64 %"state h.entered.row", %".97"
  %".136" = getelementptr float, ptr %"state h.entered", i64 %".135"
  %".137" = getelementptr float, ptr %".136", i64 %".108"
  call void @"llvm.masked.store.v4f32.p0"(<4 x float> %".134", ptr %".137", i32 4, <4 x i1> %".129")
  br label %"after.3.endif"
after.3.endif:
  %".140" = add i64 %".97", 1
  br label %"head.2"
body.endif.endif.endif.if:
  %".147" = sub i64 %"steps", %".13"
  %".148" = icmp slt i64 %".147", %"chunk"
  %".149" = select  i1 %".148", i64 %".147", i64 %"chunk"
  %".150" = icmp eq i64 %"chunk", 1
  %".151" = mul i64 %".149", %"last"
  %".152" = select  i1 %".150", i64 %".64", i64 %".151"
  %".157" = mul i64 %"input x.time", %".13"
  %".158" = getelementptr float, ptr %"input x", i64 %".157"
  %".163" = mul i64 %"product 0.0.time", 0
  %".164" = getelementptr float, ptr %"product 0.0", i64 %".163"
  %".166" = sub i64 %".152", %"first"
  %".167" = mul i64 %"input x.row", %"first"
  %".168" = getelementptr float, ptr %".158", i64 %".167"
  %".174" = mul i64 %"product 0.0.row", %"first"
  %".175" = getelementptr float, ptr %".164", i64 %".174"
  call void %".9"(i64 %".166", ptr %".168", i64 %"input x.row", i64 1, i64 %"matrix 0.0.depth", i64 %"matrix 0.0.columns", ptr %"matrix 0.0", ptr %".175", i64 %"product 0.0.row", i64 0)
  br label %"body.endif.endif.endif.endif"
body.endif.endif.endif.endif:
  %".178" = mul i64 %"product 0.0.time", %".16"
  %".179" = getelementptr float, ptr %"product 0.0", i64 %".178"
  %".180" = sub i64 %".64", %"first"
  %".181" = mul i64 %".144", %"first"
  %".182" = getelementptr float, ptr %".143", i64 %".181"
  %".187" = mul i64 %"product 0.0.row", %"first"
  %".188" = getelementptr float, ptr %".179", i64 %".187"
  call void %".9"(i64 %".180", ptr %".182", i64 %".144", i64 1, i64 %"matrix 0.1.depth", i64 %"matrix 0.1.columns", ptr %"matrix 0.1", ptr %".188", i64 %"product 0.0.row", i64 1)
  br label %"head.4"
head.4:
  %".191" = phi  i64 [%"first", %"body.endif.endif.endif.endif"], [%".322", %"body.4.endif"]
  %".192" = icmp slt i64 %".191", %"last"
  br i1 %".192", label %"body.4", label %"after.4"
body.4:
  %".194" = mul i64 %".191", %"lengths.row"
  %".195" = getelementptr i64, ptr %"lengths", i64 %".194"
  %".196" = load i64, ptr %".195", align 8
  %".197" = icmp sge i64 %".13", %".196"
  br i1 %".197", label %"body.4.if", label %"body.4.else"
after.4:
  %".324" = add i64 %".13", 1
  br label %"head"
body.4.if:
  %".199" = mul i64 %"state h.row", %".191"
  %".200" = getelementptr float, ptr %".36", i64 %".199"
  %".201" = and i64 %".107", -4
  br label %"head.5"
body.4.else:
  %".220" = mul i64 %".13", %"resets.time"
  %".221" = mul i64 %".191", %"resets.row"
  %".222" = add i64 %".220", %".221"
  %".223" = getelementptr i8, ptr %"resets", i64 %".222"
  %".224" = load i8, ptr %".223", align 1
  %".225" = icmp ne i8 %".224", 0
  %".226" = mul i64 %"product 0.0.time", %".16"
  %".227" = getelementptr float, ptr %"product 0.0", i64 %".226"
  %".228" = mul i64 %"product 0.0.row", %".191"
  %".229" = getelementptr float, ptr %".227", i64 %".228"
  %".234" = mul i64 %"parameter bias_ih.u.time", %".13"
  %".235" = getelementptr float, ptr %"parameter bias_ih.u", i64 %".234"
  %".237" = mul i64 %"parameter bias_ih.u.row", %".191"
  %".238" = getelementptr float, ptr %".235", i64 %".237"
  %".239" = mul i64 %"state h.row", %".191"
  %".240" = getelementptr float, ptr %".36", i64 %".239"
  %".241" = and i64 %"size unit", -4
  br label %"head.6"
body.4.endif:
  %".322" = add i64 %".191", 1
  br label %"head.4"
head.5:
  %".203" = phi  i64 [0, %"body.4.if"], [%".208", %"body.5"]
  %".204" = icmp slt i64 %".203", %".201"
  br i1 %".204", label %"body.5", label %"after.5"
body.5:
  %".206" = getelementptr float, ptr %".200", i64 %".203"
  store <4 x float> <float              0x0, float              0x0, float              0x0, float              0x0>, ptr %".206", align 4
  %".208" = add i64 %".203", 4
  br label %"head.5"
after.5:
  %".210" = icmp slt i64 %".201", %".107"
  br i1 %".210", label %"after.5.if", label %"after.5.endif"
after.5.if:
  %".212" = sub i64 %".107", %".201"
  %".213" = insertelement <4 x i64> <i64 undef, i64 undef, i64 undef, i64 undef>, i64 %".212", i32 0
  %".214" = shufflevector <4 x i64> %".213", <4 x i64> <i64 undef, i64 undef, i64 undef, i64 undef>, <4 x i32> <i32 0, i32 0, i32 0, i32 0>
  %".215" = icmp slt <4 x i64> <i64 0, i64 1, i64 2, i64 3>, %".214"
  %".216" = getelementptr float, ptr %".200", i64 %".201"
  call void @"llvm.masked.store.v4f32.p0"(<4 x float> <float              0x0, float              0x0, float              0x0, float              0x0>, ptr %".216", i32 4, <4 x i1> %".215")
  br label %"after.5.endif"
after.5.endif:
  br label %"body.4.endif"
head.6:
  %".243" = phi  i64 [0, %"body.4.else"], [%".279", %"body.6"]
  %".244" = icmp slt i64 %".243", %".241"
  br i1 %".244", label %"body.6", label %"after.6"
body.6:
  %".246" = getelementptr float, ptr %".229", i64 %".243"
  %".247" = load <4 x float>, ptr %".246", align 4
  %".248" = getelementptr float, ptr %".238", i64 %".243"
  %".249" = load <4 x float>, ptr %".248", align 4
  %".250" = fadd contract <4 x float> %".247", %".249"
  %".251" = fcmp olt <4 x float> <float 0x4023000000000000, float 0x4023000000000000, float 0x4023000000000000, float 0x4023000000000000>, %".250"
  %".252" = select  <4 x i1> %".251", <4 x float> <float 0x4023000000000000, float 0x4023000000000000, float 0x4023000000000000, float 0x4023000000000000>, <4 x float> %".250"
  %".253" = fcmp olt <4 x float> %".252", <float 0xc023000000000000, float 0xc023000000000000, float 0xc023000000000000, float 0xc023000000000000>
  %".254" = select  <4 x i1> %".253", <4 x float> <float 0xc023000000000000, float 0xc023000000000000, float 0xc023000000000000, float 0xc023000000000000>, <4 x float> %".252"
  %".255" = fadd contract <4 x float> %".254", %".254"
  %".256" = fmul <4 x float> %".255", <float 0x3ff7154760000000, float 0x3ff7154760000000, float 0x3ff7154760000000, float 0x3ff7154760000000>
  %".257" = fadd <4 x float> %".256", <float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000>
  %".258" = fsub <4 x float> %".257", <float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000>
  %".259" = bitcast <4 x float> %".257" to <4 x i32>
  %".260" = sub <4 x i32> %".259", <i32 1262485504, i32 1262485504, i32 1262485504, i32 1262485504>
  %".261" = call <4 x float> @"llvm.fmuladd.v4f32"(<4 x float> %".258", <4 x float> <float 0xbfe62e0000000000, float 0xbfe62e0000000000, float 0xbfe62e0000000000, float 0xbfe62e0000000000>, <4 x float> %".255")
  %".262" = call <4 x float> @"llvm.fmuladd.v4f32"(<4 x float> %".258", <4 x float> <float 0xbf00bfbe80000000, float 0xbf00bfbe80000000, float 0xbf00bfbe80000000, float 0xbf00bfbe80000000>, <4 x float> %".261")
  %".263" = add <4 x i32> %".260", <i32 127, i32 127, i32 127, i32 127>
  %".264" = shl <4 x i32> %".263", <i32 23, i32 23, i32 23, i32 23>
  %".265" = bitcast <4 x i32> %".264" to <4 x float>
  %".266" = call <4 x float> @"llvm.fmuladd.v4f32"(<4 x float> <float 0x3f2a01a020000000, float 0x3f2a01a020000000, float 0x3f2a01a020000000, float 0x3f2a01a020000000>, <4 x float> %".262", <4 x float> <float 0x3f56c16c20000000, float 0x3f56c16c20000000, float 0x3f56c16c20000000, float 0x3f56c16c20000000>)
  %".267" = call <4 x float> @"llvm.fmuladd.v4f32"(<4 x float> %".266", <4 x float> %".262", <4 x float> <float 0x3f81111120000000, float 0x3f81111120000000, float 0x3f81111120000000, float 0x3f81111120000000>)
  %".268" = call <4 x float> @"llvm.fmuladd.v4f32"(<4 x float> %".267", <4 x float> %".262", <4 x float> <float 0x3fa5555560000000, float 0x3fa5555560000000, float 0x3fa5555560000000, float 0x3fa5555560000000>)
  %".269" = call <4 x float> @"llvm.fmuladd.v4f32"(<4 x float> %".268", <4 x float> %".262", <4 x float> <float 0x3fc5555560000000, float 0x3fc5555560000000, float 0x3fc5555560000000, float 0x3fc5555560000000>)
  %".270" = call <4 x float> @"llvm.fmuladd.v4f32"(<4 x float> %".269", <4 x float> %".262", <4 x float> <float 0x3fe0000000000000, float 0x3fe0000000000000, float 0x3fe0000000000000, float 0x3fe0000000000000>)
  %".271" = fmul contract <4 x float> %".262", %".262"
  %".272" = call <4 x float> @"llvm.fmuladd.v4f32"(<4 x float> %".271", <4 x float> %".270", <4 x float> %".262")
  %".273" = fsub contract <4 x float> %".265", <float 0x3ff0000000000000, float 0x3ff0000000000000, float 0x3ff0000000000000, float 0x3ff0000000000000>
  %".274" = call <4 x float> @"llvm.fmuladd.v4f32"(<4 x float> %".265", <4 x float> %".272", <4 x float> %".273")
  %".275" = fadd contract <4 x float> %".274", <float 0x4000000000000000, float 0x4000000000000000, float 0x4000000000000000, float 0x4000000000000000>
  %".276" = fdiv <4 x float> %".274", %".275"
  %".277" = getelementptr float, ptr %".240", i64 %".243"
  store <4 x float> %".276", ptr %".277", align 4
  %".279" = add i64 %".243", 4
  br label %"head.6"
after.6:
  %".281" = icmp slt i64 %".241", %"size unit"
  br i1 %".281", label %"after.6.if", label %"after.6.endif"
after.6.if:
  %".283" = sub i64 %"size unit", %".241"
  %".284" = insertelement <4 x i64> <i64 undef, i64 undef, i64 undef, i64 undef>, i64 %".283", i32 0
  %".285" = shufflevector <4 x i64> %".284", <4 x i64> <i64 undef, i64 undef, i64 undef, i64 undef>, <4 x i32> <i32 0, i32 0, i32 0, i32 0>
  %".286" = icmp slt <4 x i64> <i64 0, i64 1, i64 2, i64 3>, %".285"
  %".287" = getelementptr float, ptr %".229", i64 %".241"
  %".288" = call <4 x float> @"llvm.masked.load.v4f32.p0"(ptr %".287", i32 4, <4 x i1> %".286", <4 x float> <float              0x0, float              0x0, float              0x0, float              0x0>)
  %".289" = getelementptr float, ptr %".238", i64 %".241"
  %".290" = call <4 x float> @"llvm.masked.load.v4f32.p0"(ptr %".289", i32 4, <4 x i1> %".286", <4 x float> <float              0x0, float              0x0, float              0x0, float              0x0>)
  %".291" = fadd contract <4 x float> %".288", %".290"
  %".292" = fcmp olt <4 x float> <float 0x4023000000000000, float 0x4023000000000000, float 0x4023000000000000, float 0x4023000000000000>, %".291"
  %".293" = select  <4 x i1> %".292", <4 x float> <float 0x4023000000000000, float 0x4023000000000000, float 0x4023000000000000, float 0x4023000000000000>, <4 x float> %".291"
  %".294" = fcmp olt <4 x float> %".293", <float 0xc023000000000000, float 0xc023000000000000, float 0xc023000000000000, float 0xc023000000000000>
  %".295" = select  <4 x i1> %".294", <4 x float> <float 0xc023000000000000, float 0xc023000000000000, float 0xc023000000000000, float 0xc023000000000000>, <4 x float> %".293"
  %".296" = fadd contract <4 x float> %".295", %".295"
  %".297" = fmul <4 x float> %".296", <float 0x3ff7154760000000, float 0x3ff7154760000000, float 0x3ff7154760000000, float 0x3ff7154760000000>
  %".298" = fadd <4 x float> %".297", <float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000>
  %".299" = fsub <4 x float> %".298", <float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000>
  %".300" = bitcast <4 x float> %".298" to <4 x i32>
  %".301" = sub <4 x i32> %".300", <i32 1262485504, i32 1262485504, i32 1262485504, i32 1262485504>
  %".302" = call <4 x float> @"llvm.fmuladd.v4f32"(<4 x float> %".299", <4 x float> <float 0xbfe62e0000000000, float 0xbfe62e0000000000, float 0xbfe62e0000000000, float 0xbfe62e0000000000>, <4 x float> %".296")
  %".303" = call <4 x float> @"llvm.fmuladd.v4f32"(<4 x float> %".299", <4 x float> <float 0xbf00bfbe80000000, float 0xbf00bfbe80000000, float 0xbf00bfbe80000000, float 0xbf00bfbe80000000>, <4 x float> %".302")
  %".304" = add <4 x i32> %".301", <i32 127, i32 127, i32 127, i32 127>
  %".305" = shl <4 x i32> %".304", <i32 23, i32 23, i32 23, i32 23>
  %".306" = bitcast <4 x i32> %".305" to <4 x float>
  %".307" = call <4 x float> @"llvm.fmuladd.v4f32"(<4 x float> <float 0x3f2a01a020000000, float 0x3f2a01a020000000, float 0x3f2a01a020000000, float 0x3f2a01a020000000>, <4 x float> %".303", <4 x float> <float 0x3f56c16c20000000, float 0x3f56c16c20000000, float 0x3f56c16c20000000, float 0x3f56c16c20000000>)
  %".308" = call <4 x float> @"llvm.fmuladd.v4f32"(<4 x float> %".307", <4 x float> %".303", <4 x float> <float 0x3f81111120000000, float 0x3f81111120000000, float 0x3f81111120000000, float 0x3f81111120000000>)
  %".309" = call <4 x float> @"llvm.fmuladd.v4f32"(<4 x float> %".308", <4 x float> %".303", <4 x float> <float 0x3fa5555560000000, float 0x3fa5555560000000, float 0x3fa5555560000000, float 0x3fa5555560000000>)
  %".310" = call <4 x float> @"llvm.fmuladd.v4f32"(<4 x float> %".309", <4 x float> %".303", <4 x float> <float 0x3fc5555560000000, float 0x3fc5555560000000, float 0x3fc5555560000000, float 0x3fc5555560000000>)
  %".311" = call <4 x float> @"llvm.fmuladd.v4f32"(<4 x float> %".310", <4 x float> %".303", <4 x float> <float 0x3fe0000000000000, float 0x3fe0000000000000, float 0x3fe0000000000000, float 0x3fe0000000000000>)
  %".312" = fmul contract <4 x float> %".303", %".303"
  %".313" = call <4 x float> @"llvm.fmuladd.v4f32"(<4 x float> %".312", <4 x float> %".311", <4 x float> %".303")
  %".314" = fsub contract <4 x float> %".306", <float 0x3ff0000000000000, float 0x3ff0000000000000, float 0x3ff0000000000000, float 0x3ff0000000000000>
  %".315" = call <4 x float> @"llvm.fmuladd.v4f32"(<4 x float> %".306", <4 x float> %".313", <4 x float> %".314")
  %".316" = fadd contract <4 x float> %".315", <float 0x4000000000000000, float 0x4000000000000000, float 0x4000000000000000, float 0x4000000000000000>
  %".317" = fdiv <4 x float> %".315", %".316"
  %".318" = getelementptr float, ptr %".240", i64 %".241"
  call void @"llvm.masked.store.v4f32.p0"(<4 x float> %".317", ptr %".318", i32 4, <4 x i1> %".286")
  br label %"after.6.endif"
after.6.endif:
  br label %"body.4.endif"
head.7:
  %".327" = phi  i64 [%"first", %"after"], [%".372", %"after.8.endif"]
  %".328" = icmp slt i64 %".327", %"last"
  br i1 %".328", label %"body.7", label %"after.7"
body.7:
  %".330" = mul i64 %".327", %"lengths.row"
  %".331" = getelementptr i64, ptr %"lengths", i64 %".330"
  %".332" = load i64, ptr %".331", align 8
  %".333" = icmp slt i64 %".332", %"steps"
  %".334" = select  i1 %".333", i64 %".332", i64 %"steps"
  %".335" = icmp eq i64 %".334", 0
  %".336" = sub i64 %".334", 1
  %".337" = and i64 %".336", %"state h.mask"
  %".338" = mul i64 %"state h.time", %".337"
  %".339" = getelementptr float, ptr %"state h", i64 %".338"
  %".340" = select  i1 %".335", i64 %"state h.initial.row", i64 %"state h.row"
  %".341" = select  i1 %".335", ptr %"state h.initial", ptr %".339"
  %".346" = mul i64 %"final h.row", %".327"
  %".347" = getelementptr float, ptr %"final h", i64 %".346"
  %".348" = mul i64 %".340", %".327"
  %".349" = getelementptr float, ptr %".341", i64 %".348"
  %".350" = and i64 %".107", -4
  br label %"head.8"
after.7:
  ret void
head.8:
  %".352" = phi  i64 [0, %"body.7"], [%".359", %"body.8"]
  %".353" = icmp slt i64 %".352", %".350"
  br i1 %".353", label %"body.8", label %"after.8"
body.8:
  %".355" = getelementptr float, ptr %".349", i64 %".352"
  %".356" = load <4 x float>, ptr %".355", align 4
  %".357" = getelementptr float, ptr %".347", i64 %".352"
  store <4 x float> %".356", ptr %".357", align 4
  %".359" = add i64 %".352", 4
  br label %"head.8"
after.8:
  %".361" = icmp slt i64 %".350", %".107"
  br i1 %".361", label %"after.8.if", label %"after.8.endif"
after.8.if:
  %".363" = sub i64 %".107", %".350"
  %".364" = insertelement <4 x i64> <i64 undef, i64 undef, i64 undef, i64 undef>, i64 %".363", i32 0
  %".365" = shufflevector <4 x i64> %".364", <4 x i64> <i64 undef, i64 undef, i64 undef, i64 undef>, <4 x i32> <i32 0, i32 0, i32 0, i32 0>
  %".366" = icmp slt <4 x i64> <i64 0, i64 1, i64 2, i64 3>, %".365"
  %".367" = getelementptr float, ptr %".349", i64 %".350"
  %".368" = call <4 x float> @"llvm.masked.load.v4f32.p0"(ptr %".367", i32 4, <4 x i1> %".366", <4 x float> <float              0x0, float              0x0, float              0x0, float              0x0>)
  %".369" = getelementptr float, ptr %".347", i64 %".350"
  call void @"llvm.masked.store.v4f32.p0"(<4 x float> %".368", ptr %".369", i32 4, <4 x i1> %".366")
  br label %"after.8.endif"
after.8.endif:
  %".372" = add i64 %".327", 1
  br label %"head.7"
}

declare <4 x float> @"llvm.masked.load.v4f32.p0"(ptr %".1", i32 %".2", <4 x i1> %".3", <4 x float> %".4")

declare void @"llvm.masked.store.v4f32.p0"(<4 x float> %".1", ptr %".2", i32 %".3", <4 x i1> %".4")

declare <4 x float> @"llvm.fmuladd.v4f32"(<4 x float> %".1", <4 x float> %".2", <4 x float> %".3")
